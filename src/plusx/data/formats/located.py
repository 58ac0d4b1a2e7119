"""Images that annotation files name: where they are, how large they are, and which are not there."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from plusx.core.errors import DataError
from plusx.core.finding import Finding
from plusx.data.formats.files import ImageFiles
from plusx.data.formats.folders import visible_folders
from plusx.data.formats.format import counted, shown
from plusx.data.formats.options import DEFAULTS, ReadOptions
from plusx.data.formats.splits import Split
from plusx.data.images import IMAGE_SUFFIXES
from plusx.data.sizes import read_size

_NESTED = ("images", "image", "imgs", "img", "jpegimages")
"""Folders that may hold a folder of images for every split."""


class Located:
    """Looks in `root` and, with `below`, in the folders directly below it and in those below `images`.

    findings: what is wrong with single annotations, where `options` want that told and not raised.
    """

    def __init__(self, root: Path, options: ReadOptions = DEFAULTS, below: bool = True) -> None:
        nested = [one for one in visible_folders(root) if one.name.lower() in _NESTED] if below else []
        self.root = root
        self.findings: list[Finding] = []
        self._options = options
        self._found: set[Path] = set()
        self._finders = [ImageFiles(root, below), *map(ImageFiles, nested)]
        self._names = ImageFiles(root, below=False)
        self._asked = 0
        self._missing: list[str] = []
        self._unreadable: list[str] = []
        self._turned: list[str] = []

    def only_in(self, folder: Path) -> None:
        """Looks nowhere else."""
        self._finders = [ImageFiles(folder, below=False)]

    def prefer(self, cells: Iterable[str], split: Split | None) -> None:
        """Looks first where most of `cells` are; at equal counts in the folder that is named like the split."""
        asked = list(cells)
        counts = {id(finder): finder.prefer(asked, split) for finder in self._finders}
        self._finders.sort(key=lambda finder: -counts[id(finder)])

    def find(self, *cells: str) -> Path | None:
        """The file that the first of `cells` leads to, which are names for one image. Counts what is not found."""
        self._asked += 1
        path = next((path for cell in cells if (path := self.peek(cell)) is not None), None)
        if path is None:
            self._missing.append(cells[0])
        else:
            self._found.add(path)
        return path

    def peek(self, cell: str) -> Path | None:
        """As `find`, without counting."""
        path = next((path for finder in self._finders if (path := finder.find(cell)) is not None), None)
        return None if path is None else Path(path)

    @contextmanager
    def about(self, image: str, code: str = "annotation-wrong") -> Iterator[None]:
        """Around what reads an annotation of `image`: its DataError becomes a finding, unless errors are wanted.

        Of an image that will be left out nothing is wrong.
        """
        try:
            yield
        except DataError as error:
            if self._options.broken == "error" and image not in self._options.exclude:
                raise
            advice = "Correct it there, or leave the image out: training stops at it."
            self.findings.append(Finding(code, "error", str(error), advice, image, excluded=(image,)))

    def count(self, name: str, found: bool) -> None:
        """One annotation more, and whether its image is there."""
        self._asked += 1
        self._missing += [] if found else [name]

    def name_of(self, path: Path) -> str:
        """How reports call the file: its path below `root`."""
        return self._names.name_of(os.fspath(path))

    def images_in(self, folder: Path) -> list[Path]:
        """The images directly in it, in order of name."""
        return [path for path in sorted(folder.iterdir()) if path.suffix.lower() in IMAGE_SUFFIXES]

    def size(self, path: Path, declared: tuple[int, int] | None, file: str) -> tuple[int, int] | None:
        """(height, width) of the upright image; None where it cannot be read, which the audit will say.

        declared: as `file` has it. DataError where that is another size: its boxes would be misplaced.
        """
        try:
            height, width, turned = read_size(path)
        except DataError:
            self._unreadable.append(self.name_of(path))
            return None
        if turned:
            self._turned.append(self.name_of(path))
        if declared is not None and declared != (height, width):
            why = " once it is upright (EXIF orientation)" if turned else ""
            with self.about(self.name_of(path), "image-size"):
                raise DataError(
                    f"{file}: {self.name_of(path)} is said to be {declared[1]}×{declared[0]} pixels, but is "
                    f"{width}×{height}{why}. The boxes would be misplaced: scale them, or restore the image that they "
                    "were drawn on."
                )
        return height, width

    def not_annotated(self) -> Iterator[Finding]:
        """Images beside those that were found, which no annotation file names: they are no negatives."""
        for folder in sorted({path.parent for path in self._found}):
            for path in self.images_in(folder):
                if path not in self._found:
                    name = self.name_of(path)
                    advice = "Right where only some of the images are annotated; else annotate them. They are not used."
                    message = f"{name}: no annotation file names it"
                    yield Finding("image-without-annotation", "note", message, advice, name, excluded=(name,))

    @property
    def missing(self) -> list[str]:
        """What was looked for and is not there."""
        return self._missing

    def _lost(self) -> list[Finding]:
        advice = "Put the file there, or remove its annotations. They are left out."
        return [
            Finding(
                "annotation-without-image",
                "warning",
                f"{name}: annotated, but not there",
                advice,
                name,
                excluded=(name,),
            )
            for name in self._missing
        ]

    def told(self) -> list[Finding]:
        """All that was found to be wrong, with what is not there."""
        return [*self.findings, *self._lost()]

    def notes(self, options: ReadOptions, source: object) -> list[str]:
        """What was found to be missing or turned; DataError where missing files are to be one."""
        notes = []
        self._missing = [name for name in self._missing if name not in options.exclude]
        self.findings += self._lost()
        missing = [name for name in self._missing if name not in options.exclude]
        if missing:
            text = f"{len(missing)} of {self._asked} annotated images are not there: {shown(missing)}"
            if options.missing_files == "error" or len(missing) == self._asked:
                places = shown([base for finder in self._finders for base in finder.bases], 4)
                skip = ", or leave them out: --missing-files skip" if len(missing) < self._asked else ""
                raise DataError(
                    f"{source}: {text}. Looked in {places}. Put the files there, remove their annotations{skip}."
                )
            notes.append(f"{text}; left out")
        if self._turned:
            notes.append(
                f"{counted(len(self._turned), 'image')} turned by EXIF orientation, the boxes are taken to be drawn on "
                f"the upright picture: {shown(self._turned)}"
            )
        if self._unreadable:
            notes.append(f"{counted(len(self._unreadable), 'image')} of unreadable size: {shown(self._unreadable)}")
        return notes

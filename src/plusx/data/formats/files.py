"""Finding the file that a cell of a table means: `train/a.jpg`, `a.jpg` in `images/`, or only `a`."""

import os
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from plusx.data.formats.folders import visible_folders
from plusx.data.formats.splits import Split, split_of
from plusx.data.images import IMAGE_SUFFIXES, printable

_USUAL = ("images", "image", "imgs", "img", "photos", "pictures", "jpegimages", "data", "train")


@dataclass(frozen=True)
class _Folder:
    """The images of one folder by exact name, by name without regard to case and Unicode form, and by stem."""

    exact: frozenset[str]
    folded: dict[str, str]
    stems: dict[str, str]


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


class ImageFiles:
    """Looks in `root` and, with `below`, in the folders directly below it. Every folder is listed once; no file is
    asked for by itself."""

    def __init__(self, root: Path, below: bool = True) -> None:
        self.root = root
        self._folders: dict[str, _Folder] = {}
        folders = sorted(visible_folders(root), key=_usual_first) if below else []
        self.bases = [os.fspath(folder) for folder in (root, *folders)]

    def prefer(self, cells: Iterable[str | None], split: Split | None) -> int:
        """Puts the folders in which most of `cells` are found first; at equal counts those named like the split.

        Returns how many cells are found at all.
        """
        texts = [cell.strip() for cell in cells if cell is not None and cell.strip()]
        counts = {base: sum(self._find_in(base, text) is not None for text in texts) for base in self.bases}

        def rank(base: str) -> tuple[int, bool]:
            return -counts[base], split is None or split_of(Path(base).name) != split

        self.bases.sort(key=rank)
        return sum(self.find(text) is not None for text in texts)

    def find(self, cell: str) -> str | None:
        """The path of the file, or None. A name without suffix finds the image of that stem."""
        text = cell.strip()
        found = (self._find_in(base, text) for base in self.bases) if text else ()
        return next((path for path in found if path is not None), None)

    def name_of(self, path: str) -> str:
        """How reports call the file: its path below `root`, or the whole path of a file elsewhere."""
        start = os.path.join(self.root, "")  # noqa: PTH118 - 100,000 files
        return printable(path.removeprefix(start)).replace(os.sep, "/")

    def images_in(self, folder: str) -> list[str]:
        """The paths of all images directly in it, in order of name."""
        return [f"{folder}{os.sep}{name}" for name in sorted(self._listed(folder).exact)]

    def _find_in(self, base: str, text: str) -> str | None:
        for written in (text, text.replace("\\", "/")) if "\\" in text else (text,):
            folder, name = os.path.split(os.path.join(base, written))  # noqa: PTH118 - 100,000 cells
            listed = self._listed(folder)
            if name in listed.exact:
                return f"{folder}{os.sep}{name}"
            folded = _fold(name)
            found = listed.folded.get(folded) or listed.stems.get(folded)
            if found is not None:
                return f"{folder}{os.sep}{found}"
        return None

    def _listed(self, folder: str) -> _Folder:
        if folder not in self._folders:
            names = _image_names(folder)
            stems = {_fold(os.path.splitext(name)[0]): name for name in reversed(names)}  # noqa: PTH122
            self._folders[folder] = _Folder(frozenset(names), {_fold(name): name for name in reversed(names)}, stems)
        return self._folders[folder]


def _image_names(folder: str) -> Sequence[str]:
    try:
        with os.scandir(folder) as children:
            names = [child.name for child in children]
    except (OSError, ValueError):  # no such folder, or a cell that is no path at all
        return []
    return sorted(name for name in names if os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES)  # noqa: PTH122


def _usual_first(folder: Path) -> tuple[int, str]:
    name = folder.name.lower()
    return (_USUAL.index(name) if name in _USUAL else len(_USUAL), name)

"""One folder per class, below train, val and test folders or without them."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plusx.core.errors import DataError
from plusx.data.formats.classes import check_distinct, class_name, natural_order
from plusx.data.formats.file_table import FileTable, Place
from plusx.data.formats.format import FORMATS, Entries, Format, counted, shown
from plusx.data.formats.options import ReadOptions
from plusx.data.formats.splits import Split, split_of
from plusx.data.images import IMAGE_SUFFIXES, printable

LAYOUT = "class folders: DATA/cat/1.jpg, DATA/dog/2.jpg; or DATA/train/cat/1.jpg, DATA/val/cat/3.jpg"
TABLE = "a table beside the images with the columns image and label"
DENSE = "Boxes: COCO JSON, Pascal VOC XML, YOLO with data.yaml, or CSV; masks: DATA/images/1.jpg, DATA/masks/1.png."

SYSTEM_FILES = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"})
SYSTEM_FOLDERS = frozenset({"__macosx", "@eadir", "$recycle.bin", "system volume information", "__pycache__"})


def recognise(source: Any, options: ReadOptions) -> bool:
    return isinstance(source, (str, os.PathLike)) and Path(source).is_dir()


def read(source: Any, options: ReadOptions) -> Entries:
    """Everything below a class folder is of that class, at any depth. Links are followed, hidden files are not read."""
    root, walk = Path(source), Walk()
    top = unwrapped(root, walk)
    entries = FileTable(os.fspath(root))
    classes: set[str] = set()
    for split, folder in _split_folders(top, walk).items():
        _class_folders(folder, split, entries, classes, walk)
    if not entries:
        raise _no_images(root, walk)
    counts = entries.counts()
    if options.broken == "error":
        check_distinct(Counter({name: counts[name] for name in classes}))
    if len(counts) == 1 and options.classes is None:
        only = f"{counted(len(entries), 'image')} in the one class folder {entries[0].label!r}"
        raise DataError(f"{root} holds {only}; at least two classes are needed. Expected {LAYOUT}; or {TABLE}. {DENSE}")
    return Entries(entries, "label", tuple(natural_order(classes)), root=root, notes=tuple(walk.notes()))


def has_class_folders(root: Path) -> bool:
    """Whether at least two folders with an image of their own stand where class folders are expected."""
    top = unwrapped(root, Walk())
    classes = {
        child.name
        for folder in _split_folders(top, Walk()).values()
        for child in visible_folders(folder)
        if next(Walk().images(child), None) is not None
    }
    return len(classes) >= 2


@dataclass
class Walk:
    """Counts what it passes by, so that nothing is left out without a word."""

    others: Counter[str] = field(default_factory=Counter)  # suffix → files that are no images
    loose: int = 0  # images outside of class folders
    not_classes: list[str] = field(default_factory=list)
    nested: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def images(self, folder: Path) -> Iterator[str]:
        """Paths of the images below `folder`, sorted folder by folder; one that links reach twice counts once."""
        for here, names in self.folders(folder):
            start = os.path.join(here, "")  # noqa: PTH118 - speed
            yield from (start + name for name in names)

    def folders(self, folder: Path) -> Iterator[tuple[str, list[str]]]:
        """`folder` and all below it: path, and the names of the images in it, sorted."""
        seen: set[tuple[int, int]] = set()
        waiting = [os.fspath(folder)]
        while waiting:
            here = waiting.pop()
            status = Path(here).stat()
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            files, folders = self._scanned(here)
            waiting += reversed(folders)
            yield here, files

    def _scanned(self, folder: str) -> tuple[list[str], list[str]]:
        """Names of the images, paths of the folders."""
        files: list[str] = []
        folders: list[str] = []
        with os.scandir(folder) as children:
            for child in children:
                name = child.name
                if name.startswith(".") or name.lower() in SYSTEM_FILES:
                    continue
                if os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES and child.is_file():  # noqa: PTH122 - speed
                    files.append(name)
                elif not child.is_dir():
                    self.others[os.path.splitext(name)[1].lower() or "no suffix"] += 1  # noqa: PTH122
                elif name.lower() not in SYSTEM_FOLDERS:
                    folders.append(child.path)
        files.sort()
        return files, sorted(folders)

    def notes(self) -> Iterator[str]:
        yield from self.remarks
        if self.nested:
            yield f"folders inside of class folders belong to the class: {shown(self.nested)}"
        if self.not_classes:
            yield f"folders without an image are no classes: {shown(self.not_classes)}"
        if self.loose:
            yield f"{counted(self.loose, 'image')} outside of the class folders left out"
        if self.others:
            yield f"left out what is no image: {counted(self.others.total(), 'file')} ({self.kinds()})"

    def kinds(self) -> str:
        """How many files of which suffix are no images, most frequent first."""
        kinds = sorted(self.others.items(), key=lambda item: (-item[1], item[0]))
        return shown([f"{count} {suffix}" for suffix, count in kinds])


def visible_folders(folder: Path) -> list[Path]:
    """Sub-folders in order of name, without hidden ones and those that systems leave behind."""
    with os.scandir(folder) as children:
        names = [c.name for c in children if not c.name.startswith(".") and c.is_dir()]
    return [folder / name for name in sorted(names) if name.lower() not in SYSTEM_FOLDERS]


def direct_images(folder: Path) -> int:
    files, _ = Walk()._scanned(os.fspath(folder))
    return len(files)


def unwrapped(root: Path, walk: Walk) -> Path:
    """The folder that holds the data set: archives often hold just one folder."""
    top = root
    while True:
        folders = visible_folders(top)
        alone = len(folders) == 1 and split_of(folders[0].name) is None and not direct_images(top)
        if not alone or not visible_folders(folders[0]):
            break
        top = folders[0]
    if top != root:
        walk.remarks.append(f"the data set stands in the folder {top.relative_to(root).as_posix()}")
    return top


def _split_folders(top: Path, walk: Walk) -> Mapping[Split, Path]:
    """The folder of every split; `top` itself is "train" when it holds the class folders."""
    folders = visible_folders(top)
    named = [(split, folder) for folder in folders if (split := split_of(folder.name)) and visible_folders(folder)]
    others = [folder for folder in folders if split_of(folder.name) is None]
    if not named or (others and "train" not in dict(named)):
        return {"train": top}
    found: dict[Split, Path] = {}
    for split, folder in named:
        if split in found:
            raise DataError(
                f"{top}: the folders {found[split].name!r} and {folder.name!r} both mean the {split} split; keep one."
            )
        found[split] = folder
    walk.not_classes += [folder.name for folder in others]
    walk.loose += direct_images(top)
    return found


def _class_folders(folder: Path, split: Split, entries: FileTable, classes: set[str], walk: Walk) -> None:
    walk.loose += direct_images(folder)
    for child in visible_folders(folder):
        name, count, others = class_name(printable(child.name)), 0, walk.others.total()
        for here, files in walk.folders(child):
            count += len(files)
            entries.add(Place(os.path.join(here, "")[len(entries.root) :], name, split), files)  # noqa: PTH118
        if count or (walk.others.total() == others and not visible_folders(child)):
            classes.add(name)  # a wholly empty folder is a class that misses its images
        else:
            walk.not_classes.append(child.name)
        walk.nested += [f"{child.name}/{inner.name}" for inner in visible_folders(child)] if count else []


def _no_images(root: Path, walk: Walk) -> DataError:
    held = f"{counted(walk.loose, 'image')} but no class folders" if walk.loose else "no images"
    rest = f" (other files: {walk.kinds()})"
    return DataError(f"{root} holds {held}{rest if walk.others else ''}. Expected {LAYOUT}; or {TABLE}. {DENSE}")


FORMATS.register("folders")(Format(recognise, read, LAYOUT, rank=10))

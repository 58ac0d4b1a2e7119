"""Masks painted from the outlines of COCO's JSON (cocodataset.org/#format-data), where masks are asked for."""

import json
import math
import mmap
import os
import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plusx.core.errors import DataError, unknown
from plusx.core.finding import Finding
from plusx.core.masks import VOID, LazyMask
from plusx.data.formats.coco import named
from plusx.data.formats.folders import visible_folders
from plusx.data.formats.format import FORMATS, Entries, Entry, Format, counted, shown
from plusx.data.formats.located import Located
from plusx.data.formats.options import ReadOptions
from plusx.data.formats.splits import ORDER, Split, split_of
from plusx.data.regions import Layered, MaskRegions, Outline, Region, RegionLayers, Runs, shape_of
from plusx.data.sizes import read_size

LAYOUT = "masks as outlines in COCO JSON: DATA/annotations/instances_train2017.json, DATA/train2017/1.jpg"

BACKGROUND = "background"
PAINTED = "masks are painted from outlines; what none covers is background, crowds are void"
LAYERED = "masks are painted from outlines, a layer a class; crowds are void in theirs"
_LISTS = ("images", "annotations", "categories")
_KEYS = tuple(f'"{key}"'.encode() for key in (*_LISTS, "segmentation"))


def recognise(source: Any, options: ReadOptions) -> bool:
    """The same files hold boxes: masks have to be asked for."""
    if not isinstance(source, (str, os.PathLike)) or options.kind not in ("mask", "masks"):
        return False
    path = Path(source)
    return _has_outlines(path) if path.is_file() else bool(_files(path))


def _has_outlines(path: Path) -> bool:
    if path.suffix.lower() != ".json" or not path.stat().st_size:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        return all(text.find(key) >= 0 for key in _KEYS)


def _files(root: Path) -> list[Path]:
    below = visible_folders(root)
    annotations = [folder for folder in below if folder.name.lower() == "annotations"]
    for folders in (annotations, [root], [folder for folder in below if split_of(folder.name)]):
        found = [path for folder in folders for path in sorted(folder.glob("*.json")) if _has_outlines(path)]
        if found:
            return [path for path in found if path.name.startswith("instances")] or found
    return []


def read(source: Any, options: ReadOptions) -> Entries:
    """What no outline covers is class `background`; of overlapping objects the smaller one lies on top, as in front.

    Where several classes at once are asked for, every category has a layer of its own and there is no background.
    Crowds are void where no other object lies. DataError names file and annotation.
    """
    layered = options.kind == "masks"
    path = Path(source)
    files = _by_split(path) if path.is_dir() else {path: "train"}
    root = path if path.is_dir() else path.parent.parent if path.parent.name.lower() == "annotations" else path.parent
    contents = {_Content.of(file, options): split for file, split in files.items()}
    classes = options.classes or _classes(contents, layered)
    entries: list[Entry] = []
    located = Located(root, options)
    for content, split in contents.items():
        entries += content.entries(split, located, _Painter(classes, layered))
    missing = [name for name in located.missing if name not in options.exclude]
    notes = [LAYERED if layered else PAINTED]
    if missing:
        what = f"{counted(len(missing), 'image')} of {shown([file.name for file in files])} not found: {shown(missing)}"
        if options.missing_files == "error" or not entries:
            raise DataError(f"{what}. Expected them in {root} or a folder in it, e.g. {root}/images.")
        notes.append(f"{what}; left out")
    findings = [*(one for content in contents for one in content.wrong), *located.told(), *located.not_annotated()]
    kind = "masks" if layered else "mask"
    return Entries(entries, kind, classes, root=root, notes=tuple(notes), findings=tuple(findings))


def _by_split(root: Path) -> dict[Path, Split]:
    files = _files(root)
    if len(files) == 1:
        return {files[0]: "train"}
    named = [(_split_in(path), path) for path in files]
    splits = {split: path for split, path in named if split is not None}
    if len(splits) < len(files):
        names = shown([path.relative_to(root).as_posix() for path in files])
        raise DataError(
            f"{root} holds several annotation files, {names}; expected one for each split, named like "
            "instances_train.json and instances_val.json. Give the path of one, or move the others away."
        )
    return {splits[split]: split for split in ORDER if split in splits}


def _split_in(path: Path) -> Split | None:
    parts = [path.stem, *re.split(r"[-_. ]", path.stem), path.parent.name]
    return next((split for part in parts if (split := split_of(part))), None)


def _classes(contents: Mapping["_Content", Split], layered: bool) -> tuple[str, ...]:
    """Background first unless there are layers, then the categories in the order of their numbers."""
    if layered:
        return tuple(dict.fromkeys(name for content in contents for name in content.categories.values()))
    names = dict.fromkeys(name for content in contents for name in content.categories.values() if name != BACKGROUND)
    if len(names) >= VOID:
        raise DataError(f"{len(names)} categories; masks hold at most {VOID - 1} and the background.")
    return (BACKGROUND, *names)


@dataclass(frozen=True)
class _Painter:
    """How the annotations of an image become its mask: of one class a pixel, or a layer a class."""

    classes: tuple[str, ...]
    layered: bool

    def mask(
        self, found: Sequence[tuple[str, bool, Outline | Runs]], size: tuple[int, int], place: str, name: str
    ) -> LazyMask:
        """found: category, whether it is a crowd, and shape, from below. place: the file, for errors."""
        indexed = [(_index(category, self.classes, place), crowd, shape) for category, crowd, shape in found]
        if self.layered:
            layers = tuple(Layered(index, shape, crowd) for index, crowd, shape in indexed)
            return RegionLayers(size, len(self.classes), layers, name)
        regions = tuple(Region(VOID if crowd else index, shape) for index, crowd, shape in indexed)
        return MaskRegions(size, regions, _index(BACKGROUND, self.classes, place), name)


@dataclass(frozen=True, eq=False)
class _Content:
    """One file. `outlined`: number of an image → its annotations. `wrong`: what is wrong with others."""

    path: Path
    images: Sequence[Mapping[str, Any]]
    categories: Mapping[Any, str]
    outlined: Mapping[Any, Sequence[Mapping[str, Any]]]
    wrong: Sequence[Finding]

    @staticmethod
    def of(path: Path, options: ReadOptions) -> "_Content":
        """DataError naming file and annotation for what is missing or undeclared."""
        images, annotations, categories = _lists(path)
        _check_ids(path, "image", images)
        _check_ids(path, "category", categories)
        titled = [category for category in categories if "name" in category]
        titled.sort(key=lambda category: (isinstance(category["id"], str), category["id"]))
        names = {category["id"]: named(path, category) for category in titled}
        known = {image["id"] for image in images}
        outlined: dict[Any, list[Mapping[str, Any]]] = {}
        wrong: list[Finding] = []
        for number, one in enumerate(annotations):
            name = f"annotation {one.get('id', f'number {number}')}"
            problem = _problem(one, known, names)
            if problem is None:
                outlined.setdefault(one["image_id"], []).append(one)
                continue
            code, what = problem
            if options.broken == "error" and name not in options.exclude:
                raise DataError(f"{path}, {name}: {what}")
            advice = "Correct or remove the annotation: training stops at it."
            wrong.append(Finding(code, "error", f"{path}, {name}: {what}", advice, name, excluded=(name,)))
        return _Content(path, images, names, outlined, wrong)

    def entries(self, split: Split, files: Located, painter: _Painter) -> Iterator[Entry]:
        files.prefer([str(image.get("file_name")) for image in self.images[:100]], split)
        for image in self.images:
            name = str(image.get("file_name"))
            found = files.find(name)
            mask = None
            if found is not None:
                with files.about(files.name_of(found)):
                    size = self._size(image, found)
                    shapes = list(self._shapes(image.get("id"), size))
                    mask = painter.mask(shapes, size, str(self.path), files.name_of(found))
            if found is not None and mask is not None:
                yield Entry(found, mask, files.name_of(found), split)

    def _size(self, image: Mapping[str, Any], found: Path) -> tuple[int, int]:
        """Height and width as the file declares them, and as the picture has them."""
        declared = image.get("height"), image.get("width")
        try:
            height, width, _ = read_size(found)
        except DataError:  # the audit says it better
            if isinstance(declared[0], int) and isinstance(declared[1], int):
                return declared[0], declared[1]
            raise
        if declared not in ((height, width), (None, None)):
            raise DataError(
                f"{self.path}, image {image.get('id')!r}: {declared[1]}×{declared[0]} pixels are declared, but {found} "
                f"has {width}×{height}. Outlines are meant for the declared size: give the images they were drawn on."
            )
        return height, width

    def _shapes(self, image: Any, size: tuple[int, int]) -> Iterator[tuple[str, bool, Outline | Runs]]:
        for one in sorted(self.outlined.get(image, ()), key=_from_below):
            place = f"{self.path}, annotation {one.get('id')}"
            shape = shape_of(one.get("segmentation"), size, place)
            yield self.categories[one["category_id"]], bool(one.get("iscrowd")), shape


def _check_ids(path: Path, what: str, entries: Sequence[Mapping[str, Any]]) -> None:
    wrong = next((entry for entry in entries if not isinstance(entry.get("id"), int | str)), None)
    if wrong is not None:
        raise DataError(f"{path}: an entry for {what} has no id that is a number or a text: {str(wrong)[:80]}")


def _problem(one: Mapping[str, Any], images: Set[Any], names: Mapping[Any, str]) -> tuple[str, str] | None:
    """Code and words for an annotation that belongs nowhere."""
    image, category = one.get("image_id"), one.get("category_id")
    if not isinstance(image, int | str) or image not in images:
        return "annotation-without-image", f"no image has the id {image!r}. Add it to `images`, or remove this."
    if not isinstance(category, int | str) or category not in names:
        declared = shown([f"{key} {name}" for key, name in names.items()])
        return "annotation-wrong", f"category_id {category!r} is not declared; declared are {declared}."
    return None


def _lists(path: Path) -> list[list[Mapping[str, Any]]]:
    """The images, annotations and categories of a file."""
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is no readable JSON: {error}. Download or export it again.") from error
    lists = []
    for key in _LISTS:
        entries = content.get(key) if isinstance(content, dict) else None
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise DataError(f"{path} has no list {key} of objects; expected COCO's lists {', '.join(_LISTS)}.")
        lists.append(entries)
    return lists


def _from_below(annotation: Mapping[str, Any]) -> tuple[bool, float]:
    """Crowds first, then the large objects."""
    area = annotation.get("area")
    known = isinstance(area, (int, float)) and abs(area) < math.inf
    return not annotation.get("iscrowd"), -area if known else 0.0


def _index(name: str, classes: tuple[str, ...], place: str) -> int:
    if name not in classes:
        raise DataError(f"{place}: {unknown('class', name, classes)}")
    return classes.index(name)


FORMATS.register("coco masks")(Format(recognise, read, LAYOUT, frozenset({"missing_files"}), rank=-1))

"""COCO's JSON: https://cocodataset.org/#format-data, and files of that form from other tools."""

import json
import mmap
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plusx.core.errors import DataError, twice
from plusx.core.finding import Finding
from plusx.data.formats.boxes import Drawn, Form, Row, drawn
from plusx.data.formats.classes import class_name
from plusx.data.formats.format import FORMATS, Entries, Entry, Format, shown
from plusx.data.formats.located import Located
from plusx.data.formats.options import ReadOptions
from plusx.data.formats.splits import ORDER, Split, split_of

LAYOUT = "boxes as COCO JSON: DATA/annotations/instances_train2017.json, DATA/train2017/1.jpg; or the path of one JSON"

_KEYS = (b'"images"', b'"annotations"', b'"categories"')


def recognise(source: Any, options: ReadOptions) -> bool:
    if not isinstance(source, (str, os.PathLike)):
        return False
    path = Path(source)
    return _is_coco(path) if path.is_file() else path.is_dir() and bool(_files_of(path))


def _is_coco(path: Path) -> bool:
    """Whether the three lists that make the format are named in it; the files may have hundreds of megabytes."""
    if path.suffix.lower() != ".json" or not path.is_file() or not path.stat().st_size:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        return all(text.find(key) >= 0 for key in _KEYS)


def _files_of(root: Path) -> list[Path]:
    """The annotation files of a folder: in `annotations` or itself, or one in the folder of each split."""
    below = [folder for folder in sorted(root.iterdir()) if folder.is_dir() and not folder.name.startswith(".")]
    named = [folder for folder in below if folder.name.lower() == "annotations"]
    places = [named, [root], [folder for folder in below if split_of(folder.name)]]
    for folders in places:
        files = [path for folder in folders for path in sorted(folder.glob("*.json")) if _is_coco(path)]
        instances = [path for path in files if path.name.startswith("instances_")]
        if files:
            return instances or files
    return []


def read(source: Any, options: ReadOptions) -> Entries:
    """Crowds are ignored boxes; images without annotations are images without objects."""
    path = Path(source)
    files = _splits_of(path) if path.is_dir() else {path: "train"}
    first = next(iter(files))
    root = path if path.is_dir() else path.parent.parent if path.parent.name.lower() == "annotations" else path.parent
    located = Located(root, options)
    entries: list[Entry] = []
    lost: list[Finding] = []
    classes: tuple[str, ...] = ()
    for file, split in files.items():
        content = _Content.of(file, options)
        entries += content.entries(split, located)
        lost += content.lost
        names = content.classes()
        classes = classes if set(names) <= set(classes) else tuple(dict.fromkeys((*classes, *names)))
    notes = located.notes(options, first if len(files) == 1 else path)
    findings = (*lost, *located.findings, *located.not_annotated())
    return Entries(entries, "boxes", classes, root=root, notes=tuple(notes), findings=findings)


def _splits_of(root: Path) -> Mapping[Path, Split]:
    """DataError where the names do not say which file is which."""
    files = _files_of(root)
    named = [(path, _split_in(path)) for path in files]
    if len(files) == 1:
        return {files[0]: "train"}
    found: dict[Split, Path] = {}
    for path, split in named:
        if split is not None and found.setdefault(split, path) != path:
            raise _unclear(root, files)
    if "train" not in found:
        raise _unclear(root, files)
    return {found[split]: split for split in ORDER if split in found}


def _split_in(path: Path) -> Split | None:
    """`instances_train2017.json`, `val.json`, `train/_annotations.coco.json`."""
    parts = [path.stem, *re.split(r"[-_. ]", path.stem), path.parent.name]
    return next((split for part in parts if (split := split_of(part))), None)


def _unclear(root: Path, files: Sequence[Path]) -> DataError:
    names = shown([path.relative_to(root).as_posix() for path in files])
    return DataError(
        f"{root} holds several annotation files, {names}; expected one for each split, named like instances_train.json "
        "and instances_val.json. Give the path of one, or move the others away."
    )


def _from_size(written: NDArray[np.float64], size: tuple[int, int] | None) -> NDArray[np.float64]:
    return np.concatenate([written[:, :2], written[:, :2] + written[:, 2:]], axis=1)


FORM = Form("x, y, width, height", _from_size)


@dataclass(frozen=True)
class _Content:
    """One file. `images`: id → entry of the list; `rows`: id of the image → its boxes; `wrong`: id of the image → what
    is wrong with its annotations; `lost`: the annotations of no image."""

    path: Path
    images: Mapping[Any, Mapping[str, Any]]
    categories: Mapping[Any, str]
    rows: Mapping[Any, list[Row]]
    wrong: Mapping[Any, list[DataError]]
    lost: Sequence[Finding]

    @staticmethod
    def of(path: Path, options: ReadOptions) -> "_Content":
        """DataError naming file and entry for what is missing, undeclared or given twice."""
        try:
            content = json.loads(path.read_bytes())
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path} is no readable JSON: {error}. Download or export it again.") from error
        lists: dict[str, Any] = {key: content.get(key) if isinstance(content, dict) else None for key in _LISTS}
        wrong = [key for key, value in lists.items() if not isinstance(value, list)]
        if wrong:
            raise DataError(f"{path} has no list {shown(wrong)}; expected COCO's lists {', '.join(_LISTS)}.")
        images = _by_id(path, "image", lists["images"], "file_name")
        categories = _by_id(path, "category", lists["categories"], "name")
        names = {key: named(path, category) for key, category in sorted(categories.items(), key=_by_number)}
        lost, annotations = _lost(path, lists["annotations"], images, options)
        return _Content(path, images, names, *_rows(path, annotations, names), lost)

    def classes(self) -> tuple[str, ...]:
        """In the order of their ids, which may have gaps."""
        names = tuple(self.categories.values())
        if repeated := twice(names):
            raise DataError(f"{self.path}: two categories are called {repeated[0]!r}; rename one.")
        return names

    def entries(self, split: Split, located: Located) -> Iterator[Entry]:
        located.prefer([str(image["file_name"]) for image in list(self.images.values())[:100]], split)
        seen: dict[Path, Any] = {}
        for key, image in self.images.items():
            found = located.find(str(image["file_name"]))
            if found is None:
                continue
            for error in self.wrong.get(key, ()):
                with located.about(located.name_of(found)):
                    raise error
            if seen.setdefault(found, key) != key:
                raise DataError(
                    f"{self.path}: images {seen[found]!r} and {key!r} are the same file, {found}. Join them into one."
                )
            yield Entry(found, self._boxes(key, image, located, found), located.name_of(found), split)

    def _boxes(self, key: Any, image: Mapping[str, Any], located: Located, found: Path) -> Drawn:
        height, width = image.get("height"), image.get("width")
        declared = (height, width) if height and width else None
        size = located.size(found, declared, f"{self.path}, image {key!r}")
        return drawn(self.rows.get(key, ()), size, str(self.path), "annotation", FORM)


def named(path: Path, category: Mapping[str, Any]) -> str:
    """The name of a category of COCO. DataError for what is no text or number."""
    name = category["name"]
    if not isinstance(name, str | int | float):
        raise DataError(f"{path}: the name of category {category.get('id')!r} is {str(name)[:80]}; expected a text.")
    return class_name(name)


def _by_number(item: tuple[Any, Any]) -> tuple[bool, Any]:
    """Ids that are text come last, in their own order."""
    return isinstance(item[0], str), item[0]


_LISTS = ("images", "annotations", "categories")


def _by_id(path: Path, what: str, entries: Sequence[Any], field: str) -> dict[Any, Mapping[str, Any]]:
    found: dict[Any, Mapping[str, Any]] = {}
    for number, entry in enumerate(entries):
        if not isinstance(entry, dict) or not isinstance(entry.get("id"), (int, str)) or field not in entry:
            raise DataError(f"{path}: {what} number {number} of the list has no id or no {field}: {str(entry)[:80]}")
        if found.setdefault(entry["id"], entry) is not entry:
            raise DataError(f"{path}: two entries for {what} have the id {entry['id']!r}; ids must differ.")
    return found


def _lost(
    path: Path, annotations: Sequence[Any], images: Mapping[Any, Any], options: ReadOptions
) -> tuple[list[Finding], list[Mapping[str, Any]]]:
    """(a finding for each annotation of no image, the others by image). DataError where those are to be errors."""
    lost, kept = [], []
    for number, one in enumerate(annotations):
        if not isinstance(one, dict):
            raise DataError(f"{path}: annotation number {number} of the list is no object: {str(one)[:80]}")
        place, image = _place(path, one, number), one.get("image_id")
        if _known(image, images):
            kept.append(one)
            continue
        name = f"annotation {one.get('id', f'number {number}')}"
        message = f"{place}: no image in the list `images` has the id {image!r}"
        if options.broken == "error" and name not in options.exclude:
            raise DataError(f"{message}. Add it, or remove this.")
        advice = "Add the image to the list, or remove the annotation: training stops at it."
        lost.append(Finding("annotation-without-image", "error", message, advice, name, excluded=(name,)))
    return lost, kept


def _place(path: Path, annotation: Mapping[str, Any], number: int) -> str:
    return f"{path}, annotation {annotation.get('id', f'number {number}')}"


def _rows(
    path: Path, annotations: Sequence[Mapping[str, Any]], names: Mapping[Any, str]
) -> tuple[dict[Any, list[Row]], dict[Any, list[DataError]]]:
    """The boxes of each image, and what is wrong with its other annotations."""
    rows: dict[Any, list[Row]] = {}
    wrong: dict[Any, list[DataError]] = {}
    for number, one in enumerate(annotations):
        try:
            row = _row(_place(path, one, number), one, number, names)
            rows.setdefault(one["image_id"], []).append(row)
        except DataError as error:
            wrong.setdefault(one["image_id"], []).append(error)
    return rows, wrong


def _row(place: str, one: Mapping[str, Any], number: int, names: Mapping[Any, str]) -> Row:
    category = one.get("category_id")
    if not _known(category, names):
        declared = shown([f"{key} {name}" for key, name in names.items()])
        raise DataError(f"{place}: category_id {category!r} is not declared; declared are {declared}.")
    area = _number(one.get("area")) if one.get("area") is not None else float("nan")
    key = one.get("id", f"number {number}")
    return Row(_four(one.get("bbox"), place), names[category], key, bool(one.get("iscrowd")), area)


def _known(key: Any, among: Mapping[Any, Any]) -> bool:
    return isinstance(key, (int, str)) and key in among


def _four(bbox: Any, place: str) -> tuple[float, float, float, float]:
    values = [_number(value) for value in bbox] if isinstance(bbox, list) else []
    if len(values) != 4:
        raise DataError(f"{place}: bbox is {bbox!r}; expected four numbers, {FORM.fields} in pixels.")
    return (values[0], values[1], values[2], values[3])


def _number(value: Any) -> float:
    """NaN for what is no number, or a larger one than there are, which is refused later with file and annotation."""
    try:
        return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else float("nan")
    except OverflowError:
        return float("nan")


FORMATS.register("coco")(Format(recognise, read, LAYOUT, frozenset({"missing_files"})))

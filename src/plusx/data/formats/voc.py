"""PASCAL VOC's XML, one file an image: Everingham et al. 2010, "The PASCAL Visual Object Classes (VOC) Challenge"."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from plusx.core.errors import DataError
from plusx.core.finding import Finding
from plusx.data.formats.boxes import Drawn, Form, Row, drawn
from plusx.data.formats.classes import class_name
from plusx.data.formats.folders import visible_folders
from plusx.data.formats.format import FORMATS, Entries, Entry, Format, counted, shown
from plusx.data.formats.located import Located
from plusx.data.formats.options import ReadOptions
from plusx.data.formats.splits import Split, split_of
from plusx.data.images import printable

LAYOUT = "boxes as Pascal VOC XML: DATA/JPEGImages/1.jpg, DATA/Annotations/1.xml, DATA/ImageSets/Main/train.txt"

_CORNERS = ("xmin", "ymin", "xmax", "ymax")


def recognise(source: Any, options: ReadOptions) -> bool:
    """A folder with `Annotations/*.xml`, also in the one folder that it holds; or with XML beside its images."""
    if not isinstance(source, (str, os.PathLike)) or not Path(source).is_dir():
        return False
    root = _unwrapped(Path(source))
    return any(_first_is_voc(folder) for folder in _places(root))


def _unwrapped(root: Path) -> Path:
    """`VOCdevkit/VOC2007`: archives hold folders that hold the data set."""
    while len(folders := visible_folders(root)) == 1 and folders[0].name.lower() != "annotations":
        if _xml_in(root) or split_of(folders[0].name):
            break
        root = folders[0]
    return root


def _places(root: Path) -> Mapping[Path, Split]:
    """The folders with XML files: `Annotations`, else the splits' own folders, else the folder itself."""
    folders = visible_folders(root)
    named = [folder for folder in folders if folder.name.lower() == "annotations" and _xml_in(folder)]
    if named:
        return {named[0]: "train"}
    splits = {folder: split for folder in folders if (split := split_of(folder.name)) and _xml_in(folder)}
    return splits or ({root: "train"} if _xml_in(root) else {})


def _xml_in(folder: Path) -> list[str]:
    with os.scandir(folder) as children:
        return sorted(child.name for child in children if child.name.lower().endswith(".xml"))


def _first_is_voc(folder: Path) -> bool:
    """Whether the first file looks like it; the others are then an error where they do not."""
    with (folder / _xml_in(folder)[0]).open("rb") as file:
        return b"<annotation" in file.read(4096)


def read(source: Any, options: ReadOptions) -> Entries:
    """Corners count pixels from 1 and belong to the box: x1 = xmin - 1, x2 = xmax. Difficult objects are ignored boxes.

    Splits are those of ImageSets/Main, or of the folders' names; files of single classes there are not read.
    """
    root = _unwrapped(Path(source))
    located = Located(root, options)
    if (root / "JPEGImages").is_dir():  # SegmentationClass has images of the same names
        located.only_in(root / "JPEGImages")
    notes: list[str] = []
    entries: list[Entry] = []
    for folder, split in _places(root).items():
        stems = [Path(name).stem for name in _xml_in(folder)]
        located.prefer(stems[:100], split)
        splits = _image_sets(root, stems, notes) or dict.fromkeys(stems, split)
        entries += _entries(folder, splits, located)
    _note_without(root, entries, located, notes)
    notes += located.notes(options, root)
    return Entries(entries, "boxes", root=root, notes=tuple(notes), findings=tuple(located.findings))


def _image_sets(root: Path, stems: Sequence[str], notes: list[str]) -> dict[str, Split]:
    """Stem → split as ImageSets/Main says; empty where it says nothing. DataError for an image without annotations."""
    folder = root / "ImageSets" / "Main"
    files: dict[Split, Path] = {split: folder / f"{split}.txt" for split in ("train", "val", "test")}
    if not files["train"].is_file():
        files["train"] = folder / "trainval.txt"
    found: dict[str, Split] = {}
    known = set(stems)
    for split, path in files.items():
        for number, line in enumerate(_lines(path), 1):
            stem = line.strip()
            if not stem:
                continue
            if stem not in known:
                raise DataError(
                    f"{path}, line {number}: {stem!r} has no file {stem}.xml in Annotations. Add it (without objects, "
                    "if there are none in the image), or remove the line."
                )
            if found.setdefault(stem, split) != split:
                raise DataError(f"{path}, line {number}: {stem!r} is in {found[stem]} as well; keep it in one split.")
    rest = sorted(known - found.keys())
    if found and rest:
        notes.append(f"{counted(len(rest), 'image')} in no file of ImageSets/Main left out: {shown(rest)}")
    return found


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines() if path.is_file() else []
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no text in UTF-8: {error}. Save it as UTF-8.") from error


def _entries(folder: Path, splits: Mapping[str, Split], located: Located) -> Iterator[Entry]:
    seen: dict[Path, Path] = {}
    for name in _xml_in(folder):
        path = folder / name
        if path.stem not in splits:
            continue
        annotation = ElementTree.Element("annotation")
        with located.about(_image_of(path.stem, located)):
            annotation = _parsed(path)
        image = located.find(path.stem, *filter(None, [_text(annotation, "filename")]))
        if image is None:
            continue
        if image in seen:
            raise DataError(f"{path} and {seen[image].name} are about the same image, {image}. Keep one of them.")
        seen[image] = path
        yield Entry(image, _drawn(annotation, path, image, located), located.name_of(image), splits[path.stem])


def _image_of(stem: str, located: Located) -> str:
    """What the image of an XML file that cannot be read is called."""
    image = located.peek(stem)
    return stem if image is None else located.name_of(image)


def _parsed(path: Path) -> ElementTree.Element:
    try:
        annotation = ElementTree.fromstring(path.read_bytes())
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise DataError(f"{path} is no readable XML: {error}. Correct it, or export it again.") from error
    if annotation.tag != "annotation":
        raise DataError(f"{path}: the outermost element is <{annotation.tag}>; expected Pascal VOC's <annotation>.")
    return annotation


def _drawn(annotation: ElementTree.Element, path: Path, image: Path, located: Located) -> Drawn:
    file = printable(str(path))
    declared = _declared(annotation)
    size = located.size(image, declared, file)
    rows: list[Row] = []
    for number, one in enumerate(annotation.findall("object"), 1):
        with located.about(located.name_of(image)):
            rows.append(_row(one, number, file))
    return drawn(rows, size, file, "object", FORM)


def _declared(annotation: ElementTree.Element) -> tuple[int, int] | None:
    """(height, width); tools that do not know them write 0."""
    height, width = (_text(annotation, f"size/{side}") for side in ("height", "width"))
    known = height is not None and width is not None and height.isdecimal() and width.isdecimal()
    return (int(height or 0), int(width or 0)) if known and int(height or 0) and int(width or 0) else None


def _row(one: ElementTree.Element, number: int, file: str) -> Row:
    name = class_name(_text(one, "name") or "")
    if not name:
        raise DataError(f"{file}, object {number}: it has no <name>. Write its class there.")
    x1, y1, x2, y2 = (_corner(one, corner, f"{file}, object {number} ({name})") for corner in _CORNERS)
    return Row((x1, y1, x2, y2), name, number, (_text(one, "difficult") or "0") not in ("0", "false", "False"))


def _corner(one: ElementTree.Element, corner: str, place: str) -> float:
    text = _text(one, f"bndbox/{corner}")
    try:
        return float(text or "")
    except ValueError:
        raise DataError(f"{place}: <{corner}> is {text!r}; expected a number of pixels, counted from 1.") from None


def _text(element: ElementTree.Element, path: str) -> str | None:
    text = element.findtext(path)
    return None if text is None else text.strip()


def _from_one(written: NDArray[np.float64], size: tuple[int, int] | None) -> NDArray[np.float64]:
    return written - np.array([1.0, 1.0, 0.0, 0.0])


FORM = Form(", ".join(_CORNERS), _from_one)


def _note_without(root: Path, entries: Sequence[Entry], located: Located, notes: list[str]) -> None:
    """Images that have no XML: they may hold objects that nobody drew, and are no negatives."""
    listed = {entry.image for entry in entries}
    folders = sorted({entry.image.parent for entry in entries if isinstance(entry.image, Path)})
    stems = {Path(name).stem for folder in _places(root) for name in _xml_in(folder)}
    images = [path for folder in folders for path in located.images_in(folder)]
    without = [located.name_of(path) for path in images if path not in listed and path.stem not in stems]
    if without:
        notes.append(f"{counted(len(without), 'image')} without an annotation file left out: {shown(without)}")
    advice = "Annotate it: an empty XML says that it shows no objects. It is not used."
    located.findings += [
        Finding("image-without-annotation", "note", f"{name}: no XML of its name", advice, name, excluded=(name,))
        for name in without
    ]


FORMATS.register("voc")(Format(recognise, read, LAYOUT, frozenset({"missing_files"})))

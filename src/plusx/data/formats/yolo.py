"""YOLO's text: data.yaml with the names, beside every folder `images` a folder `labels` with one text an image."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plusx.core.errors import DataError, twice
from plusx.data.formats.boxes import Drawn, Form, Row, drawn
from plusx.data.formats.classes import class_name
from plusx.data.formats.folders import Walk
from plusx.data.formats.format import FORMATS, Entries, Entry, Format, counted, shown
from plusx.data.formats.located import Located
from plusx.data.formats.options import ReadOptions
from plusx.data.formats.plain_yaml import Value, parse
from plusx.data.formats.splits import ORDER, Split
from plusx.data.images import printable

LAYOUT = "boxes as YOLO text: DATA/data.yaml, DATA/images/train/1.jpg, DATA/labels/train/1.txt"

_KEYS = ("path", "train", "val", "valid", "test", "names", "nc")


def recognise(source: Any, options: ReadOptions) -> bool:
    return isinstance(source, (str, os.PathLike)) and bool(_files_of(Path(source)))


def _files_of(path: Path) -> list[Path]:
    """The YAML files that name classes and where to train: the path itself, or those of the folder."""
    if path.is_dir():
        found = [one for one in sorted(path.iterdir()) if _is_yolo(one)]
        usual = [one for one in found if one.stem == "data"]
        return usual or found
    return [path] if _is_yolo(path) else []


def _is_yolo(path: Path) -> bool:
    if path.suffix.lower() not in (".yaml", ".yml") or not path.is_file():
        return False
    text = path.read_bytes()
    return b"names:" in text and b"train:" in text


def read(source: Any, options: ReadOptions) -> Entries:
    """An empty label file, or none, is an image without objects. A sixth column, the score of what was predicted, is
    not looked at, and a note says so. DataError where no image has a label file."""
    files = _files_of(Path(source))
    if len(files) > 1:
        raise DataError(f"{source} holds several data files, {shown([f.name for f in files])}; give the path of one.")
    file = files[0]
    try:
        about = parse(file.read_text(encoding="utf-8-sig"), _KEYS, str(file))
    except UnicodeDecodeError as error:
        raise DataError(f"{file} is no text in UTF-8: {error}. Save it as UTF-8.") from error
    names = _names(about, file)
    root = _root(about, file)
    located = Located(root, options)
    scored: list[str] = []
    entries = [entry for split in ORDER for entry in _entries(about, split, root, names, located, file, scored)]
    notes = located.notes(options, file)
    if scored:
        notes.append(f"{counted(len(scored), 'label file')} with scores in a sixth column, not used: {shown(scored)}")
    found = tuple(located.findings)
    return Entries(entries, "boxes", tuple(names.values()), root=root, notes=tuple(notes), findings=found)


def _names(about: Mapping[str, Value], file: Path) -> dict[int, str]:
    """Index → name, in order. DataError for indices that are no numbers from 0, and for another count than `nc`."""
    given = about.get("names")
    if isinstance(given, list):
        given = {str(index): name for index, name in enumerate(given)}
    if not isinstance(given, dict) or not given:
        raise DataError(f"{file}: names is {given!r}; expected a list of class names, or `0: name` for each.")
    if not all(key.isdecimal() for key in given) or sorted(map(int, given)) != list(range(len(given))):
        raise DataError(
            f"{file}: names are numbered {shown(list(given))}; expected 0 to {len(given) - 1} without gaps."
        )
    names = {int(key): class_name(name) for key, name in sorted(given.items(), key=lambda item: int(item[0]))}
    if repeated := twice([*names.values()]):
        raise DataError(f"{file}: two classes are called {repeated[0]!r}; rename one.")
    if about.get("nc", str(len(names))) != str(len(names)):
        raise DataError(f"{file}: nc is {about['nc']}, but there are {len(names)} names. Correct one of them.")
    return names


def _root(about: Mapping[str, Value], file: Path) -> Path:
    """`path`, where there is such a folder, else that of the file: data sets are moved."""
    path = about.get("path", "")
    folder = file.parent / path if isinstance(path, str) else file.parent
    return folder if folder.is_dir() else file.parent


def _entries(
    about: Mapping[str, Value],
    split: Split,
    root: Path,
    names: Mapping[int, str],
    located: Located,
    file: Path,
    scored: list[str],
) -> Iterator[Entry]:
    """`scored` gets the names of label files with scores."""
    given = about.get(split) or (about.get("valid") if split == "val" else None)
    if given is None:
        return
    places = given if isinstance(given, list) else [given]
    images = sorted({path for place in map(str, places) for path in _images(place, root, file, split)})
    pairs = [(path, _label_file(path)) for path in images]
    labelled = [path for path, text in pairs if text.is_file()]
    if not labelled:
        where = pairs[0][1] if pairs else root
        raise DataError(
            f"{file}: none of the {len(images)} {split} images has a label file, e.g. {where}. Put them there."
        )
    for path, text in pairs:
        size = located.size(path, None, "")
        name = located.name_of(path)
        yield Entry(path, _drawn(text, size, names, scored, located, name), name, split)
    _look_for(located, pairs)


def _images(place: str, root: Path, file: Path, split: Split) -> list[Path]:
    """Of a folder all images at any depth; of a text file those that its lines name."""
    options = [root / place, file.parent / place, file.parent / place.removeprefix("../")]
    found = next((path for path in options if path.exists()), None)
    if found is None:
        raise DataError(f"{file}: {split} is {place!r}, but {options[0]} does not exist. Correct `path` or `{split}`.")
    if found.is_dir():
        return [Path(path) for path in Walk().images(found)]
    lines = [line.strip() for line in found.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    paths = [path if (path := root / line).exists() else found.parent / line for line in lines]
    lost = [str(path) for path in paths if not path.exists()]
    if lost:
        raise DataError(f"{found}: {len(lost)} of {len(paths)} images are not there: {shown(lost)}. Correct the paths.")
    return paths


def _label_file(image: Path) -> Path:
    """The last folder `images` becomes `labels`; else the text stands beside the image."""
    parts = list(image.parts)
    places = [place for place, part in enumerate(parts[:-1]) if part == "images"]
    if places:
        parts[places[-1]] = "labels"
    usual, beside = Path(*parts).with_suffix(".txt"), image.with_suffix(".txt")
    return beside if beside.is_file() and not usual.is_file() else usual


def _drawn(
    path: Path, size: tuple[int, int] | None, names: Mapping[int, str], scored: list[str], located: Located, image: str
) -> Drawn:
    file = printable(str(path))
    lines: list[str] = []
    with located.about(image):
        lines = _lines(path, file)
    cells = {number: line.split() for number, line in enumerate(lines, 1) if line.strip()}
    rows: list[Row] = []
    for number, row in cells.items():
        with located.about(image):
            rows.append(_row(row, number, names, file))
    scored += [path.name] * any(len(row) == 6 for row in cells.values())
    return drawn(rows if size is not None else (), size, file, "line", FORM)  # of no size: the audit leaves it out


def _lines(path: Path, file: str) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines() if path.is_file() else []
    except UnicodeDecodeError as error:
        raise DataError(f"{file} is no text in UTF-8: {error}.") from error


def _row(cells: Sequence[str], number: int, names: Mapping[int, str], file: str) -> Row:
    place = f"{file}, line {number}"
    if len(cells) not in (5, 6):
        what = "outlines of masks are not understood here" if len(cells) > 6 else "no more and no less"
        raise DataError(f"{place}: {len(cells)} columns; expected 5, class {FORM.fields} ({what}).")
    try:
        index, values = float(cells[0]), [float(cell) for cell in cells[1:]]
    except ValueError:
        raise DataError(f"{place}: {' '.join(cells)!r}; expected five numbers, class {FORM.fields}.") from None
    if not all(0 <= score <= 1 for score in values[4:]):
        raise DataError(f"{place}: 6 columns, the last {cells[5]}; expected 5, class {FORM.fields}, or a score 0 to 1.")
    if index not in names:
        raise DataError(f"{place}: class {cells[0]} is not declared; names has 0 to {len(names) - 1}.")
    if any(abs(value) > _LARGEST for value in values[:4]):
        raise DataError(
            f"{place}: {FORM.fields} = {', '.join(cells[1:5])}; expected shares of the image's width and height, 0 to "
            "1."
        )
    return Row((values[0], values[1], values[2], values[3]), names[int(index)], number)


_LARGEST = 2.0
"""A centre may lie at an edge and a box reach over it; what is larger is not normalised."""


def _from_shares(written: NDArray[np.float64], size: tuple[int, int] | None) -> NDArray[np.float64]:
    height, width = size or (0, 0)
    centre, half = written[:, :2], written[:, 2:] / 2
    return np.concatenate([centre - half, centre + half], axis=1) * np.array([width, height, width, height])


FORM = Form("x_center, y_center, width, height", _from_shares)


def _look_for(located: Located, pairs: Sequence[tuple[Path, Path]]) -> None:
    """Counts label files that no image of their name belongs to as annotations whose image is not there."""
    expected = {text for _, text in pairs}
    for folder in sorted({text.parent for text in expected}):
        texts = [path for path in sorted(folder.glob("*.txt")) if path.stem != "classes"] if folder.is_dir() else []
        for text in texts:
            located.count(text.name, text in expected or not _labels_something(text))


def _labels_something(path: Path) -> bool:
    """Whether its first line begins like a label; lists of images stand beside labels as well."""
    with path.open("rb") as file:
        return len(file.readline(4096).split()) in (5, 6)


FORMATS.register("yolo")(Format(recognise, read, LAYOUT, frozenset({"missing_files"})))

"""Boxes in a table (CSV, TSV, Parquet, DataFrame): one row a box; a row without numbers is an image without objects."""

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plusx.core.errors import DataError, MissingExtraError
from plusx.data.formats.boxes import Form, Row, drawn
from plusx.data.formats.classes import class_name
from plusx.data.formats.columns import USUAL_IMAGES, USUAL_SPLITS, path_in, usual_label
from plusx.data.formats.delimited import Table
from plusx.data.formats.format import FORMATS, Entries, Entry, Format, is_instance_of
from plusx.data.formats.labels import is_missing
from plusx.data.formats.located import Located
from plusx.data.formats.options import ReadOptions
from plusx.data.formats.splits import ORDER, Split, split_of
from plusx.data.formats.tables import DELIMITED, PARQUET, read_table, tables_in, tables_of

LAYOUT = "a table of boxes with the columns image, x1, y1, x2, y2, label; or filename, xmin, ymin, xmax, ymax, class"

_CORNERS = (
    ("x1", "y1", "x2", "y2"),
    ("xmin", "ymin", "xmax", "ymax"),
    ("left", "top", "right", "bottom"),
)
_EXTENTS = (
    ("x", "y", "width", "height"),
    ("x", "y", "w", "h"),
    ("xmin", "ymin", "width", "height"),
    ("left", "top", "width", "height"),
    ("bboxx", "bboxy", "bboxwidth", "bboxheight"),
    ("bboxx", "bboxy", "bboxw", "bboxh"),
)
_IGNORED = ("ignored", "iscrowd", "difficult", "isgroupof")
_IMAGES = (*USUAL_IMAGES, "image_id", "imageid", "image_name", "imagename")


def plain(name: str) -> str:
    """`X_Min`, `x min` and `xmin` are one name."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


@dataclass(frozen=True)
class _Columns:
    """The names of the columns that are read."""

    image: str
    label: str
    numbers: tuple[str, ...]
    extents: bool
    size: tuple[str, str] | None
    split: str | None
    ignored: str | None

    def note(self, table: str) -> str:
        chosen = [f"image {self.image!r}", f"box {', '.join(self.numbers)}", f"label {self.label!r}"]
        chosen += [f"split {self.split!r}"] if self.split else []
        chosen += [f"ignored {self.ignored!r}"] if self.ignored else []
        return f"columns of {table}: {', '.join(chosen)}"


def _columns(names: Sequence[str], options: ReadOptions) -> _Columns | None:
    """None where they hold no boxes by their names."""
    known = {plain(name): name for name in reversed(names)}
    found = next(((four, four in _EXTENTS) for four in (*_CORNERS, *_EXTENTS) if set(four) <= known.keys()), None)
    image = options.image_column or _first(_IMAGES, known)
    label = next(iter(options.label_columns), None) or usual_label(names) or _first(("classname", "labelname"), known)
    if found is None or image is None or label is None or len(options.label_columns) > 1:
        return None
    numbers = tuple(known[one] for one in found[0])
    sides = ("width", "height")
    size = (known["height"], known["width"]) if not found[1] and set(sides) <= known.keys() else None
    split = options.split_column or _first(USUAL_SPLITS, known)
    return _Columns(image, label, numbers, found[1], size, split, _first(_IGNORED, known))


def _without_other_splits(table: Table, columns: _Columns, options: ReadOptions) -> _Columns:
    """A column that is only named like one of splits, and says something else, is none."""
    cells = table.columns[columns.split] if columns.split is not None and options.split_column is None else []
    return columns if all(split_of(str(cell)) for cell in cells) else replace(columns, split=None)


def _first(usual: Sequence[str], known: Mapping[str, str]) -> str | None:
    return next((known[plain(name)] for name in usual if plain(name) in known), None)


def recognise(source: Any, options: ReadOptions) -> bool:
    """By the names of the columns, unless the task says that the labels are no boxes."""
    if options.kind not in (None, "boxes"):
        return False
    if not isinstance(source, (str, os.PathLike)):
        is_frame = is_instance_of(source, "pandas", "DataFrame")
        return is_frame and _columns([str(name) for name in source.columns], options) is not None
    path = Path(source)
    files = [path] if path.is_file() and path.suffix.lower() in (*DELIMITED, *PARQUET) else []
    files = list(tables_in(path))[:1] if path.is_dir() else files
    try:
        return bool(files) and _columns(list(read_table(files[0], 1).columns), options) is not None
    except (DataError, MissingExtraError):
        return False


@dataclass
class _Image:
    """What the rows say about one image."""

    name: str
    path: Path
    split: Split
    file: str
    form: Form
    unit: str
    rows: list[Row] = field(default_factory=list)
    declared: tuple[int, int] | None = None


def read(source: Any, options: ReadOptions) -> Entries:
    """Numbers are pixels from the upper left corner, or shares of width and height where none is larger than 1."""
    tables, root = tables_of(source)
    located = Located(root, options, below=tables[0][0].path is not None)
    notes: list[str] = []
    images: dict[tuple[Split, Path], _Image] = {}
    for table, split in tables:
        columns = _columns(list(table.columns), options)
        called = table.path.name if table.path else "the table"
        if columns is None:
            raise DataError(f"{called} has the columns {', '.join(table.columns)}; expected {LAYOUT}.")
        columns = _without_other_splits(table, columns, options)
        notes += [*table.notes, columns.note(called)]
        _read_into(images, (table, columns, split or "train"), _form(table, columns, notes), located)
    entries = [_entry(image, located) for image in images.values()]
    notes += located.notes(options, source if isinstance(source, (str, os.PathLike)) else "The table")
    entries.sort(key=lambda entry: ORDER.index(entry.split))
    findings = (*located.findings, *located.not_annotated())
    return Entries(entries, "boxes", root=root, notes=tuple(notes), findings=findings)


def _entry(image: _Image, located: Located) -> Entry:
    size = located.size(image.path, image.declared, image.file)
    return Entry(image.path, drawn(image.rows, size, image.file, image.unit, image.form), image.name, image.split)


def _form(table: Table, columns: _Columns, notes: list[str]) -> Form:
    fields = ", ".join(columns.numbers)
    cells = [float(str(cell)) for name in columns.numbers for cell in table.columns[name] if _is_number(cell)]
    shares = bool(cells) and min(cells) >= 0 and max(cells) <= 1 and not all(cell.is_integer() for cell in cells)
    if shares:
        notes.append(f"{fields} lie between 0 and 1: taken for shares of the image's width and height")

    def corners(written: NDArray[np.float64], size: tuple[int, int] | None) -> NDArray[np.float64]:
        height, width = (size or (1, 1)) if shares else (1, 1)
        found = written if not columns.extents else np.hstack([written[:, :2], written[:, :2] + written[:, 2:]])
        return found * np.array([width, height, width, height], np.float64)

    return Form(fields, corners)


def _is_number(cell: Any) -> bool:
    try:
        return math.isfinite(float(str(cell)))
    except ValueError:
        return False


def _read_into(
    images: dict[tuple[Split, Path], _Image], part: tuple[Table, _Columns, Split], form: Form, located: Located
) -> None:
    """Adds the images of one table in order of appearance. DataError names the row that cannot be understood."""
    table, columns, split = part
    cells = [path_in(cell) or "" for cell in table.columns[columns.image]]
    located.prefer(list(dict.fromkeys(cells))[:100], split)
    paths = {cell: located.find(cell) for cell in dict.fromkeys(cells)}
    file = str(table.path or "the table")
    for index, cell in enumerate(cells):
        row = _TableRow(table, columns, index)
        path = paths[cell]
        if path is None:
            continue
        own = row.split() or split
        image = images.setdefault((own, path), _Image(located.name_of(path), path, own, file, form, table.unit))
        with located.about(image.name):
            image.rows += row.boxes()
        image.declared = row.size() or image.declared


@dataclass(frozen=True)
class _TableRow:
    table: Table
    columns: _Columns
    index: int

    def boxes(self) -> Iterator[Row]:
        """One; none where no cell of the box is filled."""
        cells = [self._cell(name) for name in self.columns.numbers]
        if all(is_missing(cell) for cell in cells):
            return
        label = self._cell(self.columns.label)
        if any(not _is_float(cell) for cell in cells) or is_missing(label):
            told = ", ".join(f"{name}={cell!r}" for name, cell in zip(self.columns.numbers, cells, strict=True))
            raise DataError(
                f"{self._place()}: {told}, {self.columns.label}={label!r}; expected four numbers and a class, or "
                "none of them for an image without objects."
            )
        x, y, right, bottom = (float(str(cell)) for cell in cells)
        yield Row((x, y, right, bottom), class_name(label), self.table.number(self.index), self._ignored())

    def size(self) -> tuple[int, int] | None:
        """(height, width) as declared."""
        cells = [self._cell(name) for name in self.columns.size or ()]
        if not cells or not all(_is_number(cell) and float(str(cell)) > 0 for cell in cells):
            return None
        height, width = (float(str(cell)) for cell in cells)
        x1, y1, x2, y2 = (self._cell(name) for name in self.columns.numbers)
        if all(map(_is_number, (x1, y1, x2, y2))) and (height, width) == (_minus(y2, y1), _minus(x2, x1)):
            return None  # those of the box
        return int(height), int(width)

    def split(self) -> Split | None:
        if self.columns.split is None:
            return None
        cell = str(self._cell(self.columns.split))
        found = split_of(cell)
        if found is None:
            raise DataError(f"{self._place()}: {cell!r} in column {self.columns.split!r} is none of train, val, test.")
        return found

    def _ignored(self) -> bool:
        cell = "" if self.columns.ignored is None else str(self._cell(self.columns.ignored)).strip().lower()
        return cell not in ("", "0", "0.0", "false", "no", "none", "nan")

    def _cell(self, name: str) -> Any:
        return self.table.columns[name][self.index]

    def _place(self) -> str:
        return f"{self.table.path or 'The table'}, {self.table.place(self.index)}"


def _minus(cell: Any, other: Any) -> float:
    return float(str(cell)) - float(str(other))


def _is_float(cell: Any) -> bool:
    """Infinite numbers as well: they are refused later, with all that are no boxes."""
    try:
        return bool(str(cell).strip()) and not math.isnan(float(str(cell)))
    except ValueError:
        return False


FORMATS.register("table of boxes")(
    Format(recognise, read, LAYOUT, frozenset({"image_column", "label_column", "split_column", "missing_files"}))
)

"""Which value or colour of a mask is which class, where a file beside the masks says it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from plusx.core.errors import DataError, twice
from plusx.data.formats.classes import class_name
from plusx.data.formats.delimited import Table, read_delimited
from plusx.data.formats.format import shown
from plusx.data.masks import Colour

FILES = ("classes", "class_dict", "class_names", "labels", "label_map", "labelmap", "label_colors", "class_colors")
"""Names of such files, with one of `SUFFIXES`."""
SUFFIXES = (".csv", ".tsv", ".txt")

VOID_NAMES = frozenset({"void", "ignore", "ignored"})
"""Classes, in lower case, whose pixels are not to be counted."""

_COLUMNS = {
    "name": ("name", "class", "class_name", "label", "label_name"),
    "value": ("value", "id", "index", "pixel", "pixel_value", "class_id", "label_id"),
    "r": ("r", "red"),
    "g": ("g", "green"),
    "b": ("b", "blue"),
}

_CVAT = re.compile(r"(?P<name>[^:]+):(?P<r>\d+),(?P<g>\d+),(?P<b>\d+)(:.*)?")
_COLOUR_FIRST = re.compile(r"(?P<r>\d+)[\s,]+(?P<g>\d+)[\s,]+(?P<b>\d+)[\s,]+(?P<name>\S.*)")
_VALUE_FIRST = re.compile(r"(?P<value>\d+)\s*[:,\s]\s*(?P<name>[^\s\d].*)")


@dataclass(frozen=True)
class ClassTable:
    """Classes in the order of the file. `keys`: a value or a colour of each; None where only names are given."""

    path: Path
    names: tuple[str, ...]
    keys: tuple[int, ...] | tuple[Colour, ...] | None


def class_table(*folders: Path) -> ClassTable | None:
    """The first table in one of `folders`. DataError, naming the file, if it cannot be understood."""
    for folder in folders:
        for name in (f"{stem}{suffix}" for stem in FILES for suffix in SUFFIXES):
            path = folder / name
            if path.is_file():
                table = _of_text(path) if path.suffix == ".txt" else _of_columns(path)
                if table is not None:
                    return _checked(table)
    return None


def _of_columns(path: Path) -> ClassTable | None:
    """`name, value` or `name, r, g, b`, in any order, with a header. None for a `labels.csv` of something else."""
    table = read_delimited(path)
    columns = {key: _column(table, spellings) for key, spellings in _COLUMNS.items()}
    declares = all(columns[channel] is not None for channel in "rgb") or columns["value"] is not None
    if path.stem == "labels" and not (declares and columns["name"]):
        return None
    if columns["name"] is None:
        raise DataError(
            f"{path} has the columns {shown(list(table.columns))}; expected name and value, or name, r, g, b: one line "
            "per class."
        )
    names = tuple(class_name(cell or "") for cell in columns["name"])
    colour = [columns[channel] for channel in "rgb"]
    if all(column is not None for column in colour):
        cells = zip(*(column for column in colour if column is not None), strict=True)
        return ClassTable(path, names, tuple(_colour(path, row) for row in cells))
    if columns["value"] is not None:
        return ClassTable(path, names, tuple(_number(path, cell) for cell in columns["value"]))
    return ClassTable(path, names, None)


def _column(table: Table, spellings: Sequence[str]) -> Sequence[str | None] | None:
    named = {name.strip().lower(): cells for name, cells in table.columns.items()}
    return next((named[spelling] for spelling in spellings if spelling in named), None)


def _of_text(path: Path) -> ClassTable:
    """One class a line: a name; `value name`; `r g b name`; or CVAT's `name:r,g,b::`. Lines after # are remarks."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no text in UTF-8 ({error.reason}). Save it as UTF-8, one class per line.") from None
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
    for pattern in (_CVAT, _COLOUR_FIRST, _VALUE_FIRST):
        matches = [pattern.fullmatch(line) for line in lines]
        found = [match.groupdict() for match in matches if match is not None]
        if lines and len(found) == len(lines):
            names = tuple(class_name(line["name"]) for line in found)
            if "value" in found[0]:
                return ClassTable(path, names, tuple(_number(path, line["value"]) for line in found))
            return ClassTable(path, names, tuple(_colour(path, [line[c] for c in "rgb"]) for line in found))
    return ClassTable(path, tuple(map(class_name, lines)), None)


def _number(path: Path, cell: str | None) -> int:
    try:
        number = int(str(cell))
    except ValueError:
        number = -1
    if number < 0:
        raise DataError(f"{path}: {cell!r} is no value of a mask; expected a whole number from 0 on.")
    return number


def _colour(path: Path, cells: Sequence[str | None]) -> Colour:
    red, green, blue = (_number(path, cell) for cell in cells)
    if max(red, green, blue) > 255:
        raise DataError(f"{path}: {red}, {green}, {blue} is no colour; expected three numbers from 0 to 255.")
    return red, green, blue


def _checked(table: ClassTable) -> ClassTable:
    if not table.names:
        raise DataError(f"{table.path} is empty; expected one class per line, in the order of their values.")
    for what, found in (("class", table.names), ("value", table.keys or ())):
        if repeated := twice([*found]):
            raise DataError(f"{table.path} has the {what} {repeated[0]!r} twice; every {what} stands there once.")
    if "" in table.names:
        raise DataError(f"{table.path} has a line without the name of a class. Give every class a name.")
    return table

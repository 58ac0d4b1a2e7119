"""Labels such as `1,5`: decimal numbers as spreadsheets of many countries write them, or lists of classes.

A file whose cells are parted by commas cannot hold decimal commas but in quotes, and those are lists as a rule. Where
another delimiter parts the cells, a comma is a decimal comma as long as every label is a number then. Labels that read
just as well as lists (`1,2`, `1,3`, `2`) are not guessed at.
"""

import re
from collections.abc import Sequence
from typing import Any

from plusx.core.errors import DataError
from plusx.data.formats.format import shown
from plusx.data.formats.labels import found_separator, is_missing, is_number
from plusx.data.formats.options import ReadOptions

_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
_ASCENDING = re.compile(r"(0|[1-9]\d*),([1-9]\d*)")
_LIST = re.compile(r"[\d,\s]+")


def with_points(columns: list[list[Any]], options: ReadOptions, delimiter: str, notes: list[str]) -> list[list[Any]]:
    """The label columns with decimal points in the place of decimal commas; a note says so.

    DataError, naming both ways to decide it, where one column of numbers could as well be lists of classes.
    """
    if options.kind in ("label", "labels") or (options.separator and options.kind is None):
        return columns
    texts = [cell for cells in columns for cell in cells if isinstance(cell, str) and not is_missing(cell)]
    commas = [text for text in texts if _DECIMAL_COMMA.fullmatch(text)]
    if not commas or not _are_numbers(texts, commas):
        return columns
    note = f"the comma in labels such as {commas[0]} is read as a decimal comma ({commas[0].replace(',', '.')})"
    if options.kind is None and len(columns) == 1:
        if delimiter in ("", ","):
            return columns
        if options.separator is None and _could_be_lists(texts):
            raise _ambiguous(commas)
        note += '; if it stands between several classes, say --separator "," (in Python separator=",")'
    notes.append(note)
    return [[_with_point(cell) for cell in cells] for cells in columns]


def _are_numbers(texts: Sequence[str], commas: Sequence[str]) -> bool:
    """All labels are; or most, and the others no lists: a slip that is found when the types are compared."""
    others = [text for text in texts if not is_number(text.replace(",", ".", 1))]
    return not others or (len(commas) >= len(texts) / 2 and not all(map(_LIST.fullmatch, others)))


def _ambiguous(commas: Sequence[str]) -> DataError:
    some = shown(list(dict.fromkeys(commas)), 3)
    return DataError(
        f"Labels such as {some} can be decimal numbers, or several classes each. Say which: "
        '--separator "" for numbers, --separator "," for classes (in Python separator="" or separator=",").'
    )


def _could_be_lists(texts: Sequence[str]) -> bool:
    """Whether the parts recur and ascend in every label, as people write lists of class numbers."""
    pairs = [match for text in texts if "," in text and (match := _ASCENDING.fullmatch(text))]
    ascending = len(pairs) == sum("," in text for text in texts) and all(int(m[1]) < int(m[2]) for m in pairs)
    whole = all(text.isdecimal() for text in texts if "," not in text)
    return ascending and whole and found_separator(texts) == ","


def _with_point(cell: Any) -> Any:
    return cell.replace(",", ".") if isinstance(cell, str) and _DECIMAL_COMMA.fullmatch(cell) else cell

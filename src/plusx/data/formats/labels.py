"""What the labels of a data set are: one class, several classes or real numbers. Decided by all of them together."""

import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

from plusx.core.errors import DataError
from plusx.core.sample import Kind
from plusx.data.formats.format import Entry

MISSING = frozenset({"", "nan", "na", "n/a", "<na>", "null"})
"""Texts, in lower case, that stand for no label. `none` is a good name for a class."""

SEPARATORS = ("|", ";", ",", "；", "，", "、")
_INTEGER = re.compile(r"[+-]?\d+")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def is_missing(label: Any) -> bool:
    if isinstance(label, str):
        return label.strip().lower() in MISSING
    return label is None or (isinstance(label, float) and math.isnan(label))


def is_number(label: Any) -> bool:
    """A finite number, or text that is written as one; truth values are classes."""
    if isinstance(label, str):
        return _NUMBER.fullmatch(label.strip()) is not None
    return isinstance(label, (int, float)) and not isinstance(label, bool) and math.isfinite(label)


def is_integer(label: Any) -> bool:
    if isinstance(label, str):
        return _INTEGER.fullmatch(label.strip()) is not None
    return isinstance(label, int)


def kind_of(entries: Sequence[Entry], any_missing: bool) -> Kind:
    """DataError, naming two images, if text and numbers or lists and single labels are mixed.

    any_missing: whether labels were missing, for pandas then turns integers into floats.
    """
    kinds = {label_type(entry.label): entry for entry in reversed(entries)}
    if len(kinds) > 1:
        (one, first), (other, second) = sorted(kinds.items())[:2]
        raise _mixed(f"{first.label!r} of {first.name} is {one}, {second.label!r} of {second.name} is {other}")
    if "a list" in kinds:
        return "labels"
    if "a truth value" in kinds or all(is_integer(entry.label) for entry in entries):
        return "label"
    numbers = [entry for entry in entries if is_number(entry.label)]
    if "text" in kinds:
        return _kind_of_text(entries, numbers)
    values = {entry.label for entry in entries}
    counted = all(float(value).is_integer() for value in values)
    return "label" if values <= {0.0, 1.0} or (counted and any_missing) else "value"


def _kind_of_text(entries: Sequence[Entry], numbers: Sequence[Entry]) -> Kind:
    if len(numbers) == len(entries):
        return "value"
    decimal = next((entry for entry in numbers if not is_integer(entry.label)), None)
    if decimal is not None:
        text = next(entry for entry in entries if not is_number(entry.label))
        raise _mixed(f"{decimal.label!r} of {decimal.name} is a decimal number, {text.label!r} of {text.name} is text")
    return "label"


def label_type(label: Any) -> str:
    match label:
        case str():
            return "text"
        case bool():
            return "a truth value"
        case int() | float():
            return "a number"
        case tuple() | list():
            return "a list"
    raise DataError(f"Label {label!r} of type {type(label).__name__}: expected text, a number, or a list of these.")


def _mixed(found: str) -> DataError:
    return DataError(
        f"Labels of mixed types: {found}. Expected one type: names or integers for classes, decimal numbers for "
        "values. Correct these cells, or leave them empty to leave the images out."
    )


def found_separator(labels: Iterable[Any]) -> str | None:
    """The separator by which whole labels fall into a smaller or equal number of recurring parts; None if none does.

    `cat|dog`, `cat`, `dog`: three labels out of two parts. `Shirt, blue` and `Pants, red`: two out of four parts, so
    each is the name of one class.
    """
    wholes = {str(label).strip() for label in labels}
    for separator in SEPARATORS:
        if any(separator in whole for whole in wholes):
            parts = {part.strip() for whole in wholes for part in whole.split(separator)}
            if len(parts - {""}) <= len(wholes):
                return separator
    return None


def separated(label: Any, separator: str | None) -> tuple[str, ...]:
    """The parts of a label, without repeats, in order of appearance."""
    if isinstance(label, str):
        parts = [part.strip() for part in label.split(separator)] if separator else [label]
    else:
        parts = list(label) if isinstance(label, (tuple, list)) else [label]
    return tuple(dict.fromkeys(part for part in parts if not is_missing(part)))


def numbers_of(entry: Entry) -> tuple[float, ...]:
    """DataError naming the image if a label is no finite number."""
    label = entry.label if isinstance(entry.label, (tuple, list)) else (entry.label,)
    for value in label:
        if not is_number(value) and not isinstance(value, bool):
            raise DataError(f"{entry.name}: label {value!r} is no finite number, but the labels are real numbers.")
    return tuple(float(value) for value in label)

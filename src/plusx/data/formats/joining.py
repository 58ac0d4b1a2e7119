"""Two sources of one data set: their classes are one list, their labels of one kind."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from plusx.core.errors import DataError
from plusx.core.sample import Kind
from plusx.data.formats.boxes import Drawn
from plusx.data.formats.classes import check_distinct, class_name, natural_order
from plusx.data.formats.format import Entries
from plusx.data.formats.labels import is_missing


def joined(first: Entries, second: Entries) -> Entries:
    """All entries, root and columns of `first`. DataError if one holds real numbers or masks and the other
    does not."""
    classes = first.classes
    if not (first.classes and second.classes):
        classes = _suffices(first, second) or _suffices(second, first)
    elif first.classes != second.classes:
        check_distinct(Counter([*first.classes, *second.classes]))
        classes = tuple(natural_order([*first.classes, *second.classes]))
    notes = (*first.notes, *(note for note in second.notes if note not in first.notes))
    entries = [*first.entries, *second.entries]
    return replace(first, entries=entries, kind=_kind(first.kind, second.kind), classes=classes, notes=notes)


def _suffices(one: Entries, other: Entries) -> tuple[str, ...]:
    """The classes that `one` declares if the labels of `other` are all among them; else names are collected."""
    lists = (_labels_of(entry.label) for entry in other.entries)
    labels = {class_name(label) for labels in lists for label in labels if not is_missing(label)}
    return one.classes if labels <= set(one.classes) else ()


def _labels_of(label: Any) -> Sequence[Any]:
    match label:
        case Drawn():
            return label.names
        case list() | tuple():
            return label
    return (label,)


def _kind(first: Kind | None, second: Kind | None) -> Kind | None:
    """Rows of 0 and 1 may be one-hot in one source by chance and several classes in the other."""
    kinds = {first, second} - {None}
    apart = ("boxes" in kinds and first != second) or (kinds & {"value", "mask", "masks"} and len(kinds) > 1)
    if apart:
        raise DataError(f"The labels of one source are of kind {first!r}, those of the other of kind {second!r}.")
    return "labels" if "labels" in kinds else first or second

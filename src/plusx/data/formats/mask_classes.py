"""From mask files to classes and their coding: declared, or found by what all masks hold."""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from plusx.core.errors import DataError, unknown
from plusx.core.masks import VOID
from plusx.data.formats.format import counted, shown
from plusx.data.formats.mask_table import VOID_NAMES, ClassTable
from plusx.data.masks import (
    Coding,
    Colour,
    Colours,
    Instances,
    Values,
    colour_counts,
    read_colours,
    read_stored,
    value_counts,
    written,
)

TWO = ("background", "foreground")
THREE = ("background", "inside", "boundary")

MANY = 64
"""More values than this, black and white among them, are the soft edges of a picture, not classes."""


@dataclass(frozen=True)
class Classes:
    """What the pixels of all masks mean."""

    names: tuple[str, ...]
    coding: Coding
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Held:
    """What one mask holds: pixels of every value, or of every colour."""

    counts: Mapping[int, int] | Mapping[Colour, int]
    coloured: bool = False
    deep: bool = False  # more than 8 bits


MaskSources: TypeAlias = Sequence[Path] | Sequence[Callable[[], Any]]
"""Files, or functions that give masks and have names of their own (`str`)."""


def classes_of(
    masks: MaskSources,
    table: ClassTable | None,
    asked: tuple[str, ...] | None,
    boundary: int,
    *,
    lenient: bool = False,
) -> Classes:
    """Names, coding and what was decided.

    table: the file that declares classes. asked: names and order that the caller wants, e.g. those of a trained model.
    boundary: for instance maps, the width of the class `boundary`; 0 leaves it out. lenient: single masks that cannot
    be read, or are no maps of classes, are passed by: reading them will be an error. DataError if values and names do
    not fit together, or if the masks hold no classes at all.
    """
    if lenient:
        return _of_most([mask for mask in masks if isinstance(mask, Path)], table, asked, boundary)
    if table is not None and table.keys is not None:
        return _declared(table, table.keys, asked)
    if table is not None:
        own = _of_masks(masks, table.names, boundary)
        return own if asked is None else _reordered(own, asked, table.path)
    return _of_masks(masks, asked, boundary)


def _of_most(masks: Sequence[Path], table: ClassTable | None, asked: tuple[str, ...] | None, boundary: int) -> Classes:
    """By those masks that can be read and hold no more values than a map of classes does."""
    names = asked or (table.names if table is not None and table.keys is None else None)
    good = [mask for mask in masks if _is_map(mask)]
    try:
        return classes_of(good or masks, table, asked, boundary)
    except DataError:
        if names is None or len(names) >= VOID:
            raise
        return Classes(names, Values(tuple(_enumerated(range(len(names))))))


def _is_map(mask: Any) -> bool:
    try:
        stored = read_stored(mask, str(mask))
    except DataError:
        return False
    deep = stored.dtype not in (np.uint8, np.bool_)
    return deep or len(colour_counts(stored) if stored.ndim == 3 else value_counts(stored)) <= MANY


def _of_masks(masks: MaskSources, names: tuple[str, ...] | None, boundary: int) -> Classes:
    if all(isinstance(mask, Path) and mask.parent.name.lower().startswith("instance") for mask in masks):
        return _instances(names, boundary, "the folder is called instances")
    held = _scanned(masks, read_stored)
    if any(one.coloured for one in held):
        return _found(_scanned(masks, read_colours), masks, names)
    deep = sum(one.deep for one in held)
    if deep and (names is None or not _numbered(_all(held), names)):
        return _instances(names, boundary, f"{counted(deep, 'mask')} with more than 8 bits")
    return _found(held, masks, names)


def _declared(table: ClassTable, keys: tuple[int, ...] | tuple[Colour, ...], asked: tuple[str, ...] | None) -> Classes:
    void = [name for name in table.names if name.lower() in VOID_NAMES and name not in (asked or ())]
    names = tuple(name for name in table.names if name not in void)
    indices = [VOID if name in void else names.index(name) for name in table.names]
    notes = [f"classes and their values from {table.path.name}"]
    notes += [f"pixels of class {shown(void)} are void and not counted"] if void else []
    found = Classes(names, _coding(list(zip(keys, indices, strict=True))), tuple(notes))
    return found if asked is None else _reordered(found, asked, table.path)


def _reordered(found: Classes, asked: tuple[str, ...], path: Path) -> Classes:
    """The same with the classes in another order, or among others. DataError for one that is not asked for."""
    strange = next((name for name in found.names if name not in asked), None)
    if strange is not None:
        raise DataError(f"{path}: {unknown('class', strange, asked)}")
    coding = found.coding
    if isinstance(coding, Instances):
        if found.names != asked:
            raise DataError(f"Instance maps give the classes {shown(found.names)}, not {shown(asked)}.")
        return found
    assert isinstance(coding, (Values, Colours))
    indices = [index if index == VOID else asked.index(found.names[index]) for _, index in coding.table]
    keys = [key for key, _ in coding.table]
    return replace(found, names=asked, coding=_coding(list(zip(keys, indices, strict=True))))


def _coding(pairs: list[tuple[Any, int]]) -> Coding:
    coloured = any(isinstance(key, tuple) for key, _ in pairs)
    return Colours(tuple(pairs)) if coloured else Values(tuple(pairs))


def _instances(names: tuple[str, ...] | None, boundary: int, reason: str) -> Classes:
    own = THREE if boundary else TWO
    if names is not None and len(names) != len(own):
        raise DataError(
            f"{len(names)} classes are asked for ({shown(names)}), but the masks are instance maps ({reason}), which "
            f"give {', '.join(own)}. Leave the classes out; `boundary` decides whether there is a class boundary."
        )
    note = f"masks are taken for instance maps ({reason}): 0 is background, every other value an object"
    return Classes(names or own, Instances(boundary), (note,))


def _scanned(masks: MaskSources, read: Any) -> list[Held]:
    """Files several at a time; functions, which are the user's own, one by one."""

    def held(mask: Any) -> Held:
        stored = read(mask, str(mask))
        if stored.ndim == 3:
            return Held(colour_counts(stored), coloured=True)
        return Held(value_counts(stored), deep=stored.dtype not in (np.uint8, np.bool_))

    if not isinstance(masks[0], Path):
        return list(map(held, masks))
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        return list(pool.map(held, masks))


def _all(held: Sequence[Held]) -> dict[Any, int]:
    """Pixels of every value over all masks, in the order of the values."""
    counts: dict[Any, int] = {}
    for one in held:
        for value, pixels in one.counts.items():
            counts[value] = counts.get(value, 0) + pixels
    return dict(sorted(counts.items()))


def _numbered(values: Mapping[Any, int], names: tuple[str, ...]) -> bool:
    """Whether the values count the names, from 0."""
    return all(isinstance(value, int) and (0 <= value < len(names) or value == VOID) for value in values)


def _found(held: Sequence[Held], masks: MaskSources, names: tuple[str, ...] | None) -> Classes:
    counts = _all(held)
    _check(counts, masks)
    values = list(counts)
    if names is not None:
        return _named(values, held, masks, names)
    if len(values) == 1:
        found = f"All {counted(len(masks), 'mask')} hold the one value {written(values[0])}"
        raise DataError(f"{found}; at least two classes are needed.")
    if len(values) == 2:
        note = f"masks hold two values: {written(values[0])} is background, {written(values[1])} is foreground"
        return Classes(TWO, _coding(_enumerated(values)), (note,))
    kept = [value for value in values if value != VOID]
    notes = [f"classes are the {len(kept)} {'colours' if held[0].coloured else 'values'} found in the masks"]
    notes += [f"{VOID} is void and not counted"] if len(kept) < len(values) else []
    return Classes(tuple(map(written, kept)), _coding(_enumerated(kept)), tuple(notes))


def _enumerated(values: Sequence[Any]) -> list[tuple[Any, int]]:
    return [(value, index) for index, value in enumerate(values)]


def _check(counts: Mapping[Any, int], masks: MaskSources) -> None:
    values = [value for value in counts if value != VOID]
    soft = {0, VOID} <= counts.keys() and len(counts) > MANY
    if soft or len(values) > VOID:
        raise DataError(
            f"The masks hold {len(counts)} different values or colours, e.g. in {masks[0]}; expected one for each "
            "class. Masks that were resized with interpolation or saved as JPEG have soft edges: save them again as "
            "PNG without interpolation, or declare the values of the classes in classes.csv."
        )


def _named(values: list[Any], held: Sequence[Held], masks: MaskSources, names: tuple[str, ...]) -> Classes:
    """Names without values: written as the values are; or counted by them from 0; or as many, in ascending order."""
    if {written(value) for value in values if value != VOID} <= set(names):
        own = [value for value in values if written(value) in names]
        return Classes(names, _coding([(value, names.index(written(value))) for value in own]))
    binary = len(names) == 2 and set(values) == {0, VOID}
    if _numbered(dict.fromkeys(values, 0), names) and not binary:
        return Classes(names, Values(tuple(_enumerated(range(len(names))))))
    kept = [value for value in values if value != VOID] if len(values) == len(names) + 1 else values
    if len(kept) == len(names):
        pairs = ", ".join(f"{written(value)} {name}" for value, name in zip(kept[:5], names, strict=False))
        return Classes(names, _coding(_enumerated(kept)), (f"values of the classes, in ascending order: {pairs}",))
    strange = next(value for value in values if not _numbered({value: 0}, names))
    number, mask = next((n, mask) for n, mask in enumerate(masks) if strange in held[n].counts)
    raise DataError(
        f"{mask}: value {written(strange)} has no class ({held[number].counts[strange]} pixels). The masks hold "
        f"{len(values)} values ({shown([written(value) for value in values], 10)}), but {len(names)} classes are named "
        f"({shown(names)}). Say which value is which class in classes.csv with the columns name, value."
    )

"""Boxes as their source has them, and what becomes of them: classes indexed, clipped to the image, or refused.

A box that is partly outside of its image is clipped, and a note says so. One that is no box at all is an error that
names file, annotation and value: which of its numbers is wrong only the user can know.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plusx.core.errors import DataError
from plusx.core.finding import Finding
from plusx.core.targets import Boxes, Target
from plusx.data.formats.classes import ClassIndex, check_distinct, class_name, natural_order
from plusx.data.formats.format import Entries, Entry
from plusx.data.formats.options import ReadOptions

SLACK = 0.01
"""Pixels by which a box may reach over the image's edge without a word: the rounding of decimals."""

_REPAIR = (
    "Correct it there, or leave the image out: --exclude FILE, with the image's name on a line. plusx check with "
    "--fix-list FILE names all of them and writes that file."
)


@dataclass(frozen=True)
class Drawn:
    """The boxes of one image; the label of an `Entry`. None at all is a legal answer: an image without objects.

    corners: (N, 4) float64, x1, y1, x2, y2 as in `Boxes`, unchecked. size: (height, width) in pixels, None where the
    file is unreadable. areas: (N,), NaN where the source has none. The rest says where a box stands and how it is
    written there: in `file`, `unit` (line, object, annotation) `numbers[i]`, the `fields` `written[i]`.
    """

    corners: NDArray[np.float64]
    names: tuple[str, ...]
    ignored: NDArray[np.bool]
    areas: NDArray[np.float64]
    size: tuple[int, int] | None
    file: str
    unit: str
    numbers: tuple[Any, ...]
    fields: str
    written: NDArray[np.float64]

    def place(self, index: int) -> str:
        values = ", ".join(f"{value:g}" for value in self.written[index])
        return f"{self.file}, {self.unit} {self.numbers[index]} ({self.names[index]}): {self.fields} = {values}"

    def only(self, kept: NDArray[np.bool]) -> "Drawn":
        """Those of the boxes. kept: (N,)."""
        names = tuple(name for name, keep in zip(self.names, kept, strict=True) if keep)
        numbers = tuple(number for number, keep in zip(self.numbers, kept, strict=True) if keep)
        arrays = {name: getattr(self, name)[kept] for name in ("corners", "ignored", "areas", "written")}
        return replace(self, names=names, numbers=numbers, **arrays)


def drawn(rows: Sequence["Row"], size: tuple[int, int] | None, file: str, unit: str, form: "Form") -> Drawn:
    """From one row for each box."""
    written = np.array([row.values for row in rows], np.float64).reshape(-1, 4)
    return Drawn(
        form.corners(written, size),
        tuple(row.name for row in rows),
        np.array([row.ignored for row in rows], np.bool),
        np.array([row.area for row in rows], np.float64),
        size,
        file,
        unit,
        tuple(row.number for row in rows),
        form.fields,
        written,
    )


@dataclass(frozen=True, slots=True)
class Row:
    """One box: four numbers as they are written, and where."""

    values: tuple[float, float, float, float]
    name: str
    number: int | str
    ignored: bool = False
    area: float = math.nan


@dataclass(frozen=True)
class Form:
    """How four numbers say a box. `corners` turns (N, 4) of them, and the image's size, into x1, y1, x2, y2."""

    fields: str
    corners: Callable[[NDArray[np.float64], tuple[int, int] | None], NDArray[np.float64]]


def targets_of(
    found: Entries, entries: Sequence[Entry], options: ReadOptions
) -> tuple[tuple[str, ...], Callable[[Entry], Target], tuple[str, ...]]:
    """(classes, what gives the target of an entry, notes). DataError naming all boxes that are none."""
    for entry in entries:
        if not isinstance(entry.label, Drawn):
            raise DataError(f"{entry.name}: label {entry.label!r} is no list of boxes, which object detection needs.")
    images = Counter(name for entry in entries for name in {class_name(name) for name in entry.label.names})
    classes = options.classes or found.classes or tuple(natural_order(images))
    if options.broken == "error":
        check_distinct(Counter({name: images[name] for name in classes}))
    if not classes:
        raise DataError(f"None of the {len(entries)} images has a box, and no class is declared. Add boxes.")
    _refuse(entries)
    indices = _indices(entries, ClassIndex(classes, images))
    return classes, lambda entry: _boxes(entry, indices), tuple(_clipped(entries))


def _indices(entries: Sequence[Entry], index: ClassIndex) -> dict[str, int]:
    """Class name → index. DataError naming the first box of a class that is not known."""
    found: dict[str, int] = {}
    for entry in entries:
        boxes: Drawn = entry.label
        for place, name in enumerate(boxes.names):
            if name not in found:
                found[name] = index.of(name, boxes.place(place))
    return found


def _refuse(entries: Sequence[Entry]) -> None:
    """DataError naming the first boxes that are none, and how many there are."""
    problems = [f"{told}." for entry in entries for told in _told(entry.label)]
    if problems:
        more = f"\n... and {len(problems) - _SHOWN} more." if len(problems) > _SHOWN else ""
        raise DataError("\n".join(problems[:_SHOWN]) + more + f"\n{_REPAIR}")


_SHOWN = 5  # boxes


def without_broken(entries: Sequence[Entry]) -> tuple[list[Entry], list[Finding]]:
    """(entries with only those of their boxes that are boxes, a finding for each of the others)."""
    kept, findings = [], []
    for entry in entries:
        problems = _problems(entry.label) if isinstance(entry.label, Drawn) else {}
        findings += [
            Finding(code, "error", told, _FINDING_ADVICE, entry.name, entry.split, excluded=(entry.name,))
            for (code, what), wrong in problems.items()
            for told in (f"{entry.label.place(int(i))}: {what}" for i in np.flatnonzero(wrong))
        ]
        broken = np.any(list(problems.values()), axis=0)
        kept.append(replace(entry, label=entry.label.only(~broken)) if np.any(broken) else entry)
    return kept, findings


_FINDING_ADVICE = "Correct the box there, or leave the image out: training stops at it."


def _told(boxes: Drawn) -> list[str]:
    found = _problems(boxes).items()
    return [f"{boxes.place(int(i))}: {what}" for (_, what), wrong in found for i in np.flatnonzero(wrong)]


def _problems(boxes: Drawn) -> dict[tuple[str, str], NDArray[np.bool]]:
    """(code, what is wrong) → which boxes (N,)."""
    corners = boxes.corners
    finite = np.isfinite(corners.sum(axis=1))
    x1, y1, x2, y2 = np.where(finite.reshape(-1, 1), corners, 0.0).T
    height, width = boxes.size or (math.inf, math.inf)
    return {
        ("box-not-finite", "not finite"): ~finite,
        ("box-swapped", "the corners are swapped (x2 < x1 or y2 < y1)"): finite & ((x2 < x1) | (y2 < y1)),
        ("box-empty", "the box has no area"): finite & (x2 >= x1) & (y2 >= y1) & ((x2 == x1) | (y2 == y1)),
        ("box-outside", f"the box lies wholly outside of the image, {width}×{height} pixels"): finite
        & (x2 > x1)
        & (y2 > y1)
        & ((x2 <= 0) | (y2 <= 0) | (x1 >= width) | (y1 >= height)),
    }


def clipped(entries: Sequence[Entry]) -> Iterator[Finding]:
    """Boxes that are partly outside, by image."""
    for entry in entries:
        over = np.flatnonzero(_over(entry.label)).tolist() if isinstance(entry.label, Drawn) else []
        if over:
            more = f"; {len(over)} boxes of it do" if len(over) > 1 else ""
            message = f"{entry.label.place(over[0])}: it reaches over the edge of the image{more}"
            advice = "Look whether they were drawn on this image. They are clipped to it."
            yield Finding("box-clipped", "warning", message, advice, entry.name, entry.split)


def _over(boxes: Drawn) -> NDArray[np.bool]:
    return np.maximum(-boxes.corners, boxes.corners - _limits(boxes)).max(axis=1, initial=0) > SLACK


def _limits(boxes: Drawn) -> NDArray[np.float64]:
    height, width = boxes.size or (math.inf, math.inf)
    return np.array([width, height, width, height], np.float64)


def _clipped(entries: Sequence[Entry]) -> list[str]:
    """A note on the boxes that are partly outside."""
    count, first = 0, []
    for entry in entries:
        boxes: Drawn = entry.label
        over = _over(boxes)
        count += int(over.sum())
        first += [boxes.place(int(index)) for index in np.flatnonzero(over)[: 3 - len(first)]] if len(first) < 3 else []
    named = "; ".join(first) + (f"; and {count - len(first)} more" if count > len(first) else "")
    return [f"{boxes_counted(count)} clipped to the image, over whose edge they reach: {named}"] if count else []


def _boxes(entry: Entry, indices: Mapping[str, int]) -> Boxes:
    boxes: Drawn = entry.label
    if not boxes.names:
        return Boxes.of([], [])
    corners = np.clip(boxes.corners, 0, _limits(boxes)).astype(np.float32)
    own = (corners[:, 2] - corners[:, 0]) * (corners[:, 3] - corners[:, 1])
    areas = np.where(np.isfinite(boxes.areas) & (boxes.areas > 0), boxes.areas, own)
    labels = [indices[name] for name in boxes.names]
    try:
        return Boxes.of(corners, labels, boxes.ignored, areas)
    except DataError as error:  # narrower than single precision can tell
        raise DataError(f"{entry.name}: {error}. {_REPAIR}") from None


def boxes_counted(number: int) -> str:
    """`1 box`, `2 boxes`."""
    return f"{number} box" if number == 1 else f"{number} boxes"

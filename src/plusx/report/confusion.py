"""The confusion matrix: as a picture that stays readable up to 100 classes, and as a list of what is mixed up most.

Needs no torch.
"""

from dataclasses import dataclass, replace

from plusx.core.details import Confusion
from plusx.report.charts import Figure
from plusx.report.drawing import Drawing, told_apart, width_of
from plusx.report.scales import percent

CLASSES_DRAWN = 100
NAME_WIDTH = 22  # half-widths


@dataclass(frozen=True)
class Mixup:
    """`count` images, boxes or pixels of class `true`, a `share` (0..1) of them all, were taken for `predicted`."""

    true: str
    predicted: str
    count: int
    share: float


def mixups(confusion: Confusion, limit: int = 10) -> list[Mixup]:
    """The most frequent mistakes."""
    found = [
        Mixup(confusion.classes[i], confusion.classes[j], count, count / sum(row))
        for i, row in enumerate(confusion.counts)
        for j, count in enumerate(row)
        if i != j and count
    ]
    return sorted(found, key=lambda mixup: (-mixup.count, -mixup.share))[:limit]


def heat_map(confusion: Confusion) -> Figure:
    """Rows are true classes, columns predicted ones, shades the share of the row; right answers in a colour of their
    own. Of more than 100 classes those with the most mistakes are drawn.
    """
    shown = drawable(confusion)
    k = len(shown.classes)
    size = "natural" if k <= 10 else "wide" if k <= 50 else "huge"
    cell = 36.0 if k <= 10 else 28.0 if k <= 24 else 18.0 if k <= 50 else 11.5
    letters = "large" if k <= 24 else "medium" if k <= 50 else "small"
    names = told_apart(shown.classes, NAME_WIDTH)
    margin = 12 + max(map(width_of, names)) * {"large": 6.6, "medium": 6.0, "small": 4.8}[letters]
    side = cell * k
    overhang = 8.0 if letters == "small" else margin * 0.75  # of the slanted name below the last column
    drawing = Drawing(margin + 26 + side + overhang, 18 + side + margin, "Confusion matrix")
    corner = (margin + 26, 18.0)
    _names(drawing, shown.classes, names, (corner, cell, letters))
    _cells(drawing, shown, (corner, cell))
    note = "" if k == len(confusion.classes) else (
        f"The {k} classes with the most mistakes, of {len(confusion.classes)}. "
    )  # fmt: skip
    note += "Rows: true class. Columns: predicted class. Shade: share of the row."
    if confusion.unit != "images":
        note += f" Counted in {confusion.unit}."
    if confusion.unit == "boxes":
        note += " The last column holds what was missed, the last row what was found where nothing is."
    return Figure("Confusion matrix", drawing.markup(), (("right", "right"), ("wrong", "wrong")), note, size)


def drawable(confusion: Confusion) -> Confusion:
    """At most 100 classes, in their order: those with the most mistakes, made with them or for them."""
    k = len(confusion.classes)
    if k <= CLASSES_DRAWN:
        return confusion
    columns = list(zip(*confusion.counts, strict=True))
    errors = [sum(confusion.counts[c]) + sum(columns[c]) - 2 * confusion.counts[c][c] for c in range(k)]
    kept = sorted(sorted(range(k), key=lambda c: -errors[c])[:CLASSES_DRAWN])
    counts = tuple(tuple(confusion.counts[i][j] for j in kept) for i in kept)
    return replace(confusion, classes=tuple(confusion.classes[c] for c in kept), counts=counts)


def _names(
    drawing: Drawing, classes: tuple[str, ...], names: list[str], layout: tuple[tuple[float, float], float, str]
) -> None:
    (left, top), cell, letters = layout
    side = cell * len(names)
    angle = 90 if letters == "small" else 50
    for index, (full, name) in enumerate(zip(classes, names, strict=True)):
        middle = (index + 0.5) * cell
        tip = full if full != name else ""
        drawing.text((left - 8, top + middle + 4), name, f"name end {letters}", tip=tip)
        drawing.text((left + middle - 2, top + side + 10), name, f"name start {letters}", angle=angle, tip=tip)
    drawing.text((14, top + side / 2), "true", "label middle", angle=-90)
    drawing.text((left + side / 2, 10), "predicted", "label middle")


def _cells(drawing: Drawing, shown: Confusion, layout: tuple[tuple[float, float], float]) -> None:
    (left, top), cell = layout
    drawing.box((left, top), (cell * len(shown.classes), cell * len(shown.classes)), "field")
    gap = 1.0 if cell > 13 else 0.5
    for i, row in enumerate(shown.counts):
        for j, count in enumerate(row):
            if count == 0:
                continue
            share = count / sum(row)
            place = (left + j * cell, top + i * cell)
            tip = f"{shown.classes[i]} → {shown.classes[j]}: {count} ({percent(share)})"
            kind = "right" if i == j else "wrong"
            size = (cell - gap, cell - gap)
            drawing.shade((place[0] + gap / 2, place[1] + gap / 2), size, kind, 0.15 + 0.85 * share, tip)
            if cell >= 28:
                tone = "strong" if share > 0.5 else "soft"
                drawing.text((place[0] + cell / 2, place[1] + cell / 2 + 4), _short(count), f"count middle {tone}")


def _short(count: int) -> str:
    """Four letters at most: 9999, 12k, 345k, 6.7M, 89M."""
    if count < 10_000:
        return str(count)
    if count < 999_500:
        return f"{count / 1000:.0f}k"
    return f"{count / 1e6:.1f}M" if count < 9_950_000 else f"{count / 1e6:.0f}M"

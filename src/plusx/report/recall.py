"""Precision over recall, a line a class. Needs no torch."""

from collections.abc import Sequence

from plusx.core.details import ClassScore, Curve
from plusx.report.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Figure, draw_line, frame
from plusx.report.drawing import Drawing
from plusx.report.scales import Scale, percent

COLOURED = 6


def precision_over_recall(curves: Sequence[Curve], classes: Sequence[ClassScore]) -> Figure:
    """At IoU 0.5. The six classes with the most boxes have colours, others are grey."""
    title = "Precision over recall at IoU 0.5"
    drawing = Drawing(WIDTH, HEIGHT, title)
    x, y = Scale(0, 1, LEFT, WIDTH - RIGHT), Scale(0, 1, HEIGHT - BOTTOM, TOP)
    frame(drawing, x, y, "recall")
    drawing.text((WIDTH - RIGHT, TOP + 16), "precision", "label end")
    boxes = {row.name: row.support for row in classes}
    order = sorted(curves, key=lambda curve: -boxes.get(curve.name, 0))
    precisions = {row.name: row.ranking["AP50"] for row in classes if "AP50" in row.ranking}
    looks = [f"s{place + 1}" if place < COLOURED else "others" for place in range(len(order))]
    for curve, look in reversed([*zip(order, looks, strict=True)]):  # the coloured ones on top
        points = list(zip(curve.recall, curve.precision, strict=True))
        draw_line(drawing, points, (x, y), (look, curve.name))
    legend = [
        (look, f"{curve.name} {percent(precisions[curve.name])}" if curve.name in precisions else curve.name)
        for curve, look in zip(order[:COLOURED], looks, strict=False)
    ]
    others = len(order) - COLOURED
    note = "Beside the names: average precision at IoU 0.5, the area below the line."
    note += f" {others} classes with fewer boxes in grey." if others > 0 else ""
    return Figure(title, drawing.markup(), tuple(legend), note)

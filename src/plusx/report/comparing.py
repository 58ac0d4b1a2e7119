"""The page of a comparison of runs: self-contained and without scripts. Needs no torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from plusx.core.storage import write_text
from plusx.report.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Figure, draw_line, frame
from plusx.report.drawing import Drawing
from plusx.report.rendering import rendered
from plusx.report.scales import Scale, linear

COLOURS = 6
MOST_ROWS = 200


@dataclass(frozen=True)
class Row:
    """A line of a table: what it is of, and its cells."""

    name: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Curve:
    """One run's values over its epochs; `group` counts from 0 and gives the colour."""

    group: int
    name: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Compared:
    """Everything on the page, in words. `groups`: their names; the tables have a column for each.

    tables: headings and rows of settings. runs: rows of score, best epoch, time, seed and path. verdicts: of which two
    groups, the tests, what may be said. curves: titles and the runs' lines.
    """

    title: str
    headline: str | None
    about: str
    metric: str
    groups: Sequence[str]
    warnings: Sequence[str]
    tables: Sequence[tuple[str, Sequence[Row]]]
    runs: Sequence[Row]
    metrics: Sequence[Row]
    verdicts: Sequence[tuple[str, Sequence[str], str]]
    curves: Sequence[tuple[str, Sequence[Curve]]]


def write_comparing(path: Path, facts: Compared) -> None:
    """Writes the page, whole or not at all. StorageError if it cannot be written."""
    write_text(path, render_comparing(facts))


def render_comparing(facts: Compared) -> str:
    """The page as HTML."""
    charts = [chart(title, curves, facts.groups) for title, curves in facts.curves if any(one.points for one in curves)]
    return rendered("comparing.html", facts=facts, charts=charts, rows=facts.runs[:MOST_ROWS])


def chart(title: str, curves: Sequence[Curve], groups: Sequence[str]) -> Figure:
    """A line a run, in the colour of its group; colours come again after six groups."""
    drawing = Drawing(WIDTH, HEIGHT, title)
    points = [point for one in curves for point in one.points]
    floor = HEIGHT - BOTTOM
    y = linear([value for _, value in points], floor, TOP)
    low, high = min(x for x, _ in points), max(x for x, _ in points)
    aside = 0.0 if high > low else 0.5
    x = Scale(low - aside, high + aside, LEFT, WIDTH - RIGHT)
    frame(drawing, x, y, "epoch", whole_x=True)
    for one in curves:
        draw_line(drawing, one.points, (x, y), (f"s{one.group % COLOURS + 1}", one.name))
    shown = dict.fromkeys(one.group for one in curves if one.points)
    return Figure(title, drawing.markup(), tuple((f"s{group % COLOURS + 1}", groups[group]) for group in shown))

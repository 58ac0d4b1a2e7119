"""Charts as inline SVG: lines, points, bars. Without scripts; values show when the pointer rests on a point.

Colours are named classes of the page's style sheet (`s1` to `s6` for series). Needs no torch.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

from plusx.core.details import Pairs, ReliabilityBin
from plusx.report.drawing import Drawing, width_of
from plusx.report.scales import Scale, base_of, linear, logarithmic, number, percent

WIDTH, HEIGHT = 460.0, 270.0
LEFT, RIGHT, TOP, BOTTOM = 52.0, 18.0, 12.0, 40.0
LINE_POINTS = 300
SCATTER_POINTS = 2000


@dataclass(frozen=True)
class Figure:
    """A chart with its heading; `legend` pairs a colour class with a name, `note` is a sentence below.

    size: "fitted" to its column, at most "natural" size in it, "wide": natural size over all columns, or
    "huge": natural size, beyond the columns.
    """

    title: str
    picture: Markup
    legend: tuple[tuple[str, str], ...] = ()
    note: str = ""
    size: Literal["fitted", "natural", "wide", "huge"] = "fitted"


@dataclass(frozen=True)
class Series:
    """Points in order of x; where y is not finite the line is interrupted."""

    name: str
    points: tuple[tuple[float, float], ...]


def line_chart(
    title: str,
    series: Sequence[Series],
    *,
    x_label: str,
    log_y: bool = False,
    mark: float | None = None,
    at_least: tuple[float, ...] = (),
) -> Figure:
    """One line a series, at most six. mark: an x to point out, e.g. the best epoch. at_least: values that the y axis
    shows even where no point has them; without effect on a logarithmic axis.
    """
    drawing = Drawing(WIDTH, HEIGHT, title)
    values = [y for one in series for _, y in one.points if math.isfinite(y)]
    xs = [x for one in series for x, _ in one.points]
    floor = HEIGHT - BOTTOM
    y = logarithmic(values, floor, TOP) if log_y else linear(values, floor, TOP, at_least=at_least)
    low, high = min(xs, default=0.0), max(xs, default=1.0)
    aside = 0.0 if high > low else 0.5  # a single x stands in the middle
    x = Scale(low - aside, high + aside, LEFT, WIDTH - RIGHT)
    frame(drawing, x, y, x_label, whole_x=True)
    if mark is not None and low <= mark <= high:
        drawing.line((x(mark), TOP), (x(mark), floor), "mark")
    for index, one in enumerate(series[:6], start=1):
        draw_line(drawing, [(px, py) for px, py in _thinned(one.points, LINE_POINTS)], (x, y), (f"s{index}", one.name))
    legend = tuple((f"s{index}", one.name) for index, one in enumerate(series[:6], start=1))
    return Figure(title, drawing.markup(), legend if len(series) > 1 else ())


def scatter(pairs: Pairs) -> Figure:
    """Predicted against true values of one column, with the line on which both are equal.

    Of values far from 0 beside their spread, both axes show how much they are above a round number.
    """
    drawing = Drawing(HEIGHT + 60, HEIGHT + 40, f"Predicted against true {pairs.column}")
    bottom, right = drawing.height - BOTTOM, drawing.width - RIGHT
    both = [v for v in (*pairs.true, *pairs.predicted) if math.isfinite(v)]
    base = base_of(both)
    above = [value - base for value in both]
    x, y = linear(above, LEFT, right), linear(above, bottom, TOP)
    frame(drawing, x, y, f"true − {base:.15g}" if base else "true")
    drawing.line((x(x.low), y(x.low)), (x(x.high), y(x.high)), "ideal")
    points = _thinned(tuple(zip(pairs.true, pairs.predicted, strict=True)), SCATTER_POINTS)
    for true, predicted in points:
        tip = f"true {number(true)}, predicted {number(predicted)}"
        if base:
            tip = f"true {base:.15g} + {number(true - base)}, predicted {base:.15g} + {number(predicted - base)}"
        drawing.dot((x(true - base), y(predicted - base)), 2.6, "point", tip)
    notes = [f"Both axes count from {base:.15g}."] * bool(base)
    notes += [f"{len(points)} of {len(pairs.true)} images are drawn."] * (len(points) < len(pairs.true))
    return Figure(f"Predicted against true: {pairs.column}", drawing.markup(), note=" ".join(notes), size="natural")


def error_histogram(pairs: Pairs) -> Figure:
    """How often which error, predicted − true, of one column."""
    errors = [p - t for t, p in zip(pairs.true, pairs.predicted, strict=True) if math.isfinite(p - t)]
    drawing = Drawing(WIDTH, HEIGHT, f"Errors of {pairs.column}")
    x = linear(errors, LEFT, WIDTH - RIGHT, at_least=(0.0,))
    bins = 31
    counts = [0] * bins
    for error in errors:
        counts[min(int((error - x.low) / (x.high - x.low) * bins), bins - 1)] += 1
    y = linear(map(float, counts), HEIGHT - BOTTOM, TOP, at_least=(0.0,))
    frame(drawing, x, y, "predicted − true")
    edges = [x.low + (x.high - x.low) * k / bins for k in range(bins + 1)]
    for k, count in enumerate(counts):
        tip = f"{count} images from {number(edges[k])} to {number(edges[k + 1])}"
        left, top = x(edges[k]), y(count)
        drawing.box((left + 0.5, top), (x(edges[k + 1]) - left - 1, HEIGHT - BOTTOM - top), "bar", tip if count else "")
    drawing.line((x(0), TOP), (x(0), HEIGHT - BOTTOM), "mark")
    return Figure(f"Errors: {pairs.column}", drawing.markup())


def reliability(bins: Sequence[ReliabilityBin], calibration_error: float | None) -> Figure:
    """How often the model was right, against how sure it was; below, how many images had which confidence."""
    drawing = Drawing(WIDTH, HEIGHT + 60, "Reliability")
    floor = HEIGHT - BOTTOM
    x, y = Scale(0, 1, LEFT, WIDTH - RIGHT), Scale(0, 1, floor, TOP)
    _grid(drawing, x, y)
    total = sum(one.count for one in bins)
    images = Scale(0, max((one.count for one in bins), default=1), drawing.height - BOTTOM, floor + 12)
    for one in bins:
        tip = (
            f"confidence {percent(one.confidence)}, right {percent(one.accuracy)}: "
            f"{one.count} of {total} images"
        )  # fmt: skip
        left, width = x(one.lower) + 1, x(one.upper) - x(one.lower) - 2
        drawing.box((left, y(one.accuracy)), (width, floor - y(one.accuracy)), "bar", tip)
        drawing.box((left, images(one.count)), (width, images(0) - images(one.count)), "bar quiet", tip)
        drawing.dot((x(one.confidence), y(one.accuracy)), 2.6, "point strong", tip)
    drawing.line((x(0), y(0)), (x(1), y(1)), "ideal")
    drawing.line((LEFT, images(0)), (WIDTH - RIGHT, images(0)), "axis")
    _x_ticks(drawing, x, images(0), "confidence")
    drawing.text((LEFT - 8, images(0) - 4), "images", "tick end")
    ece = "" if calibration_error is None else f"Expected calibration error {percent(calibration_error)}. "
    note = ece + "Bars on the dashed line: of the answers given with 80 % confidence, 80 % are right."
    return Figure("Right answers by confidence", drawing.markup(), note=note)


def frame(drawing: Drawing, x: Scale, y: Scale, x_label: str, *, whole_x: bool = False) -> None:
    """Grid, axis and the numbers beside them."""
    _grid(drawing, x, y)
    drawing.line((x.first, y.first), (x.last, y.first), "axis")
    _x_ticks(drawing, x, y.first, x_label, whole=whole_x)


def _grid(drawing: Drawing, x: Scale, y: Scale) -> None:
    for value, words in y.ticks():
        drawing.line((x.first, y(value)), (x.last, y(value)), "grid")
        drawing.text((x.first - 8, y(value) + 4), words, "tick end")


def _x_ticks(drawing: Drawing, x: Scale, floor: float, label: str, *, whole: bool = False) -> None:
    ticks = x.ticks(6)
    if whole:
        ticks = [
            (value, number(round(value))) for value, _ in ticks if abs(value - round(value)) < 1e-9 * max(1, value)
        ]
    crowded = sum(width_of(words) + 3 for _, words in ticks) * 7 > x.last - x.first
    for value, words in ticks[:: 2 if crowded else 1]:
        drawing.text((x(value), floor + 17), words, "tick middle")
    drawing.text(((x.first + x.last) / 2, floor + 34), label, "label middle")


def draw_line(
    drawing: Drawing, points: Sequence[tuple[float, float]], scales: tuple[Scale, Scale], look: tuple[str, str]
) -> None:
    """look: class of the line's colour and what the tips call it. Interrupted where a point is not finite."""
    x, y = scales
    kind, name = look
    for run in _finite_runs(points):
        drawing.path([(x(px), y(py)) for px, py in run], f"line {kind}")
        visible = "seen" if len(points) <= 40 or len(run) == 1 else "unseen"
        for px, py in run:
            tip = f"{name}, {number(px)}: {number(py)}"
            drawing.dot((x(px), y(py)), 2.6 if len(run) > 1 else 4, f"dot {kind} {visible}", tip)


def _finite_runs(points: Sequence[tuple[float, float]]) -> Iterator[list[tuple[float, float]]]:
    run: list[tuple[float, float]] = []
    for point in points:
        if math.isfinite(point[1]):
            run.append(point)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _thinned(points: Sequence[tuple[float, float]], limit: int) -> list[tuple[float, float]]:
    """At most `limit` of the points, evenly spread, the first and the last among them."""
    if len(points) <= limit:
        return list(points)
    return [points[round(k * (len(points) - 1) / (limit - 1))] for k in range(limit)]

"""Charts of a search: its history, what mattered, all settings at once, one setting at a time. Needs no torch."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from plusx.report.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Figure, Series, draw_line, frame, line_chart
from plusx.report.drawing import Drawing, shortened
from plusx.report.scales import Scale, linear, number, percent

MOST_TRIALS = 500  # in a drawing
AXIS = 130.0  # pixels between two axes of parallel coordinates


@dataclass(frozen=True)
class Trial:
    """`state`: complete, pruned, fail, running or waiting. `epochs`: the metric after each, from 1."""

    number: int
    state: str
    value: float | None
    parameters: Mapping[str, Any]
    epochs: Mapping[int, float] = field(default_factory=dict)
    reason: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Tuning:
    """Everything on the page of a search. `scales`: of each setting "choice", "linear" or "logarithmic"."""

    title: str
    created: str
    metric: str
    higher_is_better: bool
    command: str
    best: int
    trials: Sequence[Trial]
    scales: Mapping[str, str]
    importances: Mapping[str, float] = field(default_factory=dict)  # shares

    @property
    def measured(self) -> list[Trial]:
        """Whole and stopped ones that have a metric, the last `MOST_TRIALS` of them."""
        known = [one for one in self.trials if one.value is not None and math.isfinite(one.value)]
        return known[-MOST_TRIALS:]


def history(facts: Tuning) -> Figure:
    """Every trial's metric, and the best of the whole ones so far."""
    drawing = Drawing(WIDTH, HEIGHT, "History of the search")
    trials = facts.measured
    x = Scale(-0.5, max((one.number for one in trials), default=0) + 0.5, LEFT, WIDTH - RIGHT)
    y = linear([one.value for one in trials if one.value is not None], HEIGHT - BOTTOM, TOP)
    frame(drawing, x, y, "trial", whole_x=True)
    best: float | None = None
    steps: list[tuple[float, float]] = []
    for one in trials:
        if one.state == "complete" and one.value is not None:
            better = max if facts.higher_is_better else min
            best = one.value if best is None else better(best, one.value)
            steps.append((float(one.number), best))
    draw_line(drawing, steps, (x, y), ("s1", "best so far"))
    for one in trials:
        kind = "dot s1" if one.state == "complete" else "dot s2"
        drawing.dot((x(one.number), y(one.value or 0.0)), 3.2, kind, tip(one, facts.metric))
    return Figure("History", drawing.markup(), (("s1", "whole trial, and the best so far"), ("s2", "stopped early")))


def tip(one: Trial, metric: str) -> str:
    """A trial in one line."""
    values = ", ".join(f"{name} {setting(value)}" for name, value in one.parameters.items())
    return f"trial {one.number}: {metric} {number(one.value or 0.0)}; {values}"


def setting(value: Any) -> str:
    """A value of a setting in words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number(value) if isinstance(value, float) else str(value)


def importance(facts: Tuning) -> Figure:
    """How much of the difference between good and other trials each setting explains."""
    names = sorted(facts.importances, key=lambda name: -facts.importances[name])
    drawing = Drawing(WIDTH, 24.0 * len(names) + 14, "Importance of the settings")
    longest = max(facts.importances.values(), default=1.0) or 1.0
    x = Scale(0, longest, 130, WIDTH - 64)
    for place, name in enumerate(names):
        top, share = 8 + 24.0 * place, facts.importances[name]
        drawing.text((122, top + 13), name, "label end")
        drawing.box((130, top), (x(share) - 130, 17), "bar", f"{name}: {percent(share)}")
        drawing.text((x(share) + 6, top + 13), percent(share), "tick start")
    note = "How differently the better trials are spread over a setting's values than all trials are (PED-ANOVA)."
    return Figure("Which settings mattered", drawing.markup(), note=note)


def curves(facts: Tuning) -> Figure:
    """The metric over the epochs of the best trials."""
    order = sorted(facts.measured, key=lambda one: (one.value or 0.0) * (-1 if facts.higher_is_better else 1))
    shown = [one for one in order if len(one.epochs) > 1][:6]
    series = [
        Series(f"trial {one.number}", tuple((float(e), v) for e, v in sorted(one.epochs.items()))) for one in shown
    ]
    return line_chart(f"{facts.metric} of the best trials", series, x_label="epoch")


@dataclass(frozen=True)
class Axis:
    """A setting's values as numbers between 0 and 1, and the words beside them."""

    name: str
    places: Mapping[Any, float]
    marks: Sequence[tuple[float, str]]


def axis(facts: Tuning, name: str) -> Axis:
    """Choices stand apart evenly, in the order of their names; numbers by size or by their logarithm."""
    values = [one.parameters[name] for one in facts.measured if name in one.parameters]
    if facts.scales[name] == "choice" or not values:
        kinds = sorted(dict.fromkeys(values), key=lambda value: (str(type(value)), value))
        count = max(1, len(kinds) - 1)
        places = {value: index / count if len(kinds) > 1 else 0.5 for index, value in enumerate(kinds)}
        return Axis(name, places, [(place, setting(value)) for value, place in places.items()])
    steps = [math.log(value) if facts.scales[name] == "logarithmic" else float(value) for value in values]
    low, high = min(steps), max(steps)
    width = high - low or 1.0
    places = {value: (step - low) / width if high > low else 0.5 for value, step in zip(values, steps, strict=True)}
    ends = sorted({min(values), max(values)})
    return Axis(name, places, [(places[value], setting(float(value))) for value in ends])


def parallel(facts: Tuning) -> Figure:
    """A line a trial through the values of all settings to its metric; the best fifth in colour."""
    names = list(facts.scales)
    axes = [axis(facts, name) for name in names]
    width = LEFT + AXIS * len(names) + 90
    drawing = Drawing(width, HEIGHT + 20, "All settings at once")
    top, floor = 34.0, HEIGHT - 4
    y = linear([one.value or 0.0 for one in facts.measured], floor, top)
    for place, one in enumerate(axes):
        _draw_axis(
            drawing, LEFT + AXIS * place, one.name, [(floor - share * (floor - top), w) for share, w in one.marks]
        )
    right = LEFT + AXIS * len(names)
    _draw_axis(drawing, right, facts.metric, [(y(value), words) for value, words in y.ticks()])
    ordered = sorted(facts.measured, key=lambda one: (one.value or 0.0) * (1 if facts.higher_is_better else -1))
    coloured = max(1, len(ordered) // 5)
    for rank, trial in enumerate(ordered, start=1 - len(ordered)):
        points = [
            (LEFT + AXIS * place, floor - one.places[trial.parameters[one.name]] * (floor - top))
            for place, one in enumerate(axes)
            if one.name in trial.parameters
        ]
        kind = "s2" if rank == 0 else "s1" if rank > -coloured else "others"
        drawing.path([*points, (right, y(trial.value or 0.0))], f"line {kind}")
        drawing.dot((right, y(trial.value or 0.0)), 3, f"dot {kind}", tip(trial, facts.metric))
    legend = (("s2", "the best"), ("s1", "the best fifth"))
    return Figure("All settings at once", drawing.markup(), legend, size="wide")


def _draw_axis(drawing: Drawing, x: float, name: str, marks: Sequence[tuple[float, str]]) -> None:
    drawing.line((x, 34), (x, HEIGHT - 4), "axis")
    drawing.text((x, 18), shortened(name, 18), "label middle")
    for height, words in marks:
        drawing.text((x + 6, height + 4), shortened(words, 14), "tick start")


def slices(facts: Tuning) -> list[Figure]:
    """The metric over each setting alone."""
    return [_slice(facts, name) for name in facts.scales]


def _slice(facts: Tuning, name: str) -> Figure:
    drawing = Drawing(WIDTH, HEIGHT, f"Metric by {name}")
    one = axis(facts, name)
    x = Scale(-0.08, 1.08, LEFT, WIDTH - RIGHT)
    floor = HEIGHT - BOTTOM
    y = linear([trial.value or 0.0 for trial in facts.measured], floor, TOP)
    for value, words in y.ticks():
        drawing.line((LEFT, y(value)), (WIDTH - RIGHT, y(value)), "grid")
        drawing.text((LEFT - 8, y(value) + 4), words, "tick end")
    drawing.line((LEFT, floor), (WIDTH - RIGHT, floor), "axis")
    for share, words in one.marks:
        drawing.text((x(share), floor + 17), shortened(words, 16), "tick middle")
    for trial in facts.measured:
        if name in trial.parameters:
            kind = "dot s1" if trial.state == "complete" else "dot s2"
            place = (x(one.places[trial.parameters[name]]), y(trial.value or 0.0))
            drawing.dot(place, 3.2, kind, tip(trial, facts.metric))
    scale = " (logarithmic)" if facts.scales[name] == "logarithmic" else ""
    return Figure(f"{name}{scale}", drawing.markup(), (("s1", "whole"), ("s2", "stopped early")))

"""How a run trained, step by step and class by class, as charts. Needs no torch."""

import math
from collections.abc import Mapping, Sequence

from plusx.report.charts import Figure, Series, line_chart
from plusx.report.facts import Facts
from plusx.report.words import SHARES, metric_name, metric_value

LINES = 6
WORST = 10
FEW = 12
"""Classes that are all drawn; of more the ten worst are."""


def steps(facts: Facts) -> list[Figure]:
    """The schedule as it was run, and by stage the norms of weights and gradients and the effective rates."""
    charts = [_chart(facts, "Learning rate, step by step", {"rate": "rate"})]
    if any("momentum" in one for one in facts.steps):
        charts.append(_chart(facts, "Momentum, step by step", {"momentum": "momentum"}))
    charts += [
        _chart(facts, "Step beside weights, ‖Δw‖ / ‖w‖", _of_stages(facts, "update"), log_y=True),
        _chart(facts, "Gradient norms, ‖g‖", _of_stages(facts, "gradient"), log_y=True),
        _chart(facts, "Weight norms, ‖w‖", _of_stages(facts, "weight"), log_y=True),
    ]
    return [chart for chart in charts if chart is not None] if len(facts.steps) > 1 else []


def _of_stages(facts: Facts, kind: str) -> dict[str, str]:
    """The first stages and the head: at most six lines."""
    keys = list(dict.fromkeys(key for one in facts.steps for key in one if key.startswith(f"{kind}/")))
    shown = keys if len(keys) <= LINES else [*keys[: LINES - 1], keys[-1]]
    return {key.partition("/")[2]: key for key in shown}


def _chart(facts: Facts, title: str, keys: Mapping[str, str], *, log_y: bool = False) -> Figure | None:
    series = [
        Series(name, tuple((one["step"], one[key]) for one in facts.steps if _drawable(one.get(key), log_y)))
        for name, key in keys.items()
    ]
    drawn = [one for one in series if one.points]
    return line_chart(title, drawn, x_label="step", log_y=log_y) if drawn else None


def _drawable(value: float | None, log_y: bool) -> bool:
    return value is not None and math.isfinite(value) and (value > 0 or not log_y)


def gap(facts: Facts) -> list[tuple[str, str, str]]:
    """Metric, on training images, on validation images: of the same weights on images as they are."""
    both = [name for name in facts.training_metrics if name in facts.metrics]
    return [
        (metric_name(name), metric_value(name, facts.training_metrics[name]), metric_value(name, facts.metrics[name]))
        for name in both
    ]


def loss_gap(facts: Facts) -> list[Figure]:
    """Training and validation loss over the epochs, where both are recorded."""
    pairs = {"training": "loss", "validation": "nll"}
    history = [one for one in facts.history if all(key in one for key in pairs.values())]
    if len(history) < 2:
        return []
    series = [Series(name, tuple((float(e["epoch"]), float(e[key])) for e in history)) for name, key in pairs.items()]
    return [line_chart("Training and validation loss", series, x_label="epoch", mark=facts.best_epoch)]


def classes(facts: Facts) -> list[Figure]:
    """The score of each class over the epochs; of many classes those that end worst."""
    figures = []
    for score, curves in facts.class_curves.items():
        drawn = {name: points for name, points in curves.items() if len(points) > 1}
        order = sorted(drawn, key=lambda name: drawn[name][max(drawn[name])])
        shown = order if len(order) <= FEW else order[:WORST]
        which = "" if len(order) <= FEW else f", the {WORST} worst of {len(order)}"
        half = -(-len(shown) // 2) if len(shown) > LINES else max(1, len(shown))
        for start in range(0, len(shown), half):
            title = f"{SHARES.get(score, score.capitalize() if score.islower() else score)} of classes{which}"
            figures.append(
                _lines(f"{title}{', continued' if start else ''}", shown[start : start + half], drawn, facts)
            )
    return figures


def _lines(title: str, names: Sequence[str], curves: Mapping[str, Mapping[int, float]], facts: Facts) -> Figure:
    series = [Series(name, tuple((float(e), v) for e, v in sorted(curves[name].items()))) for name in names]
    return line_chart(title, series, x_label="epoch", mark=facts.best_epoch, at_least=(0.0, 1.0))

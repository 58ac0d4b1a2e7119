"""The history of a run as charts. Needs no torch."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from plusx.report.charts import Figure, Series, line_chart
from plusx.report.facts import Facts
from plusx.report.words import SHARES, metric_name, metric_value

MOST_CHARTS = 12

OWN_NAMES = {"loss": "sum", "learning_rate": "learning rate", "images_per_second": "images per second"}


def curves(facts: Facts) -> list[Figure]:
    """Losses, validation metrics, learning rate and speed over the epochs; what was not recorded is left out.

    None of a single epoch: see `only_epoch`.
    """
    history = facts.history
    if len(history) < 2:
        return []
    names = list(dict.fromkeys(name for epoch in history for name in epoch if _is_number(epoch[name])))
    mark = None if facts.best_epoch is None else float(facts.best_epoch)
    groups = _groups(names, facts.primary)
    figures = [_chart(title, history, group, mark) for title, group in groups if group]
    return figures[:MOST_CHARTS]


def only_epoch(facts: Facts) -> list[tuple[str, str]]:
    """Where there was a single epoch, which makes no curve: what was recorded of its training, name and value."""
    if len(facts.history) != 1:
        return []
    [epoch] = facts.history
    names = [name for name in epoch if (name in OWN_NAMES or name.startswith("loss/")) and _is_number(epoch[name])]
    return [(_whole_label(name), metric_value(name, float(epoch[name]))) for name in names]


def _groups(names: Sequence[str], primary: str) -> list[tuple[str, list[str]]]:
    """Chart title → the values it shows: shares on one axis, every other metric on its own."""
    own = {"epoch", "learning_rate", "images_per_second", "seconds"}
    losses = [name for name in names if name == "loss" or name.startswith("loss/")]
    metrics = [name for name in names if name not in own and name not in losses]
    metrics.sort(key=lambda name: name != primary)
    shares = [name for name in metrics if (name in SHARES or name == "auroc") and name != "ece"]
    others = [name for name in metrics if name not in shares]
    return [
        ("Validation", shares[:6]),
        ("Validation, more", shares[6:12]),
        ("Training loss", losses[:6]),
        *((f"Validation: {metric_name(name)}", [name]) for name in others),
        ("Learning rate", [name for name in names if name == "learning_rate"]),
        ("Images per second", [name for name in names if name == "images_per_second"]),
    ]


def _chart(title: str, history: Sequence[Mapping[str, Any]], names: Sequence[str], mark: float | None) -> Figure:
    series = [
        Series(_label(name), tuple((float(e.get("epoch", i)), _value(e, name)) for i, e in enumerate(history, 1)))
        for name in names
    ]
    values = [y for one in series for _, y in one.points if math.isfinite(y)]
    falls_far = bool(values) and min(values) > 0 and max(values) / min(values) > 30 and "loss" in title
    if title == "Validation" and len(names) == 1:
        title = f"Validation: {series[0].name}"
    return line_chart(title, series, x_label="epoch", log_y=falls_far, mark=mark, at_least=_shown(names[0]))


def _shown(name: str) -> tuple[float, ...]:
    """Speed is drawn from 0 on: its small changes mean little."""
    return (0.0,) if name == "images_per_second" else ()


def _label(name: str) -> str:
    if name.startswith("loss/"):
        return name.removeprefix("loss/")
    return OWN_NAMES.get(name) or metric_name(name)


def _whole_label(name: str) -> str:
    """What a value is called where no chart's title says the rest."""
    if name == "loss":
        return "Training loss"
    return f"Training loss, {_label(name)}" if name.startswith("loss/") else _label(name).capitalize()


def _value(epoch: Mapping[str, Any], name: str) -> float:
    value = epoch.get(name)
    return float(value) if value is not None and _is_number(value) else math.nan


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

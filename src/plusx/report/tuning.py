"""report.html of a search: one self-contained page without scripts. Needs no torch."""

from pathlib import Path

from plusx.core.storage import write_text
from plusx.report.rendering import rendered
from plusx.report.tuning_charts import Trial, Tuning, curves, history, importance, parallel, setting, slices
from plusx.report.words import metric_name, metric_value

MOST_ROWS = 200


def write_tuning(path: Path, facts: Tuning) -> None:
    """Writes the page, whole or not at all. StorageError if it cannot be written."""
    write_text(path, render_tuning(facts))


def render_tuning(facts: Tuning) -> str:
    """The page as HTML; its table lists the best 200 trials."""
    best = next(one for one in facts.trials if one.number == facts.best)
    charts = [history(facts)]
    charts += [importance(facts)] if facts.importances else []
    charts += [curves(facts)] if any(len(one.epochs) > 1 for one in facts.measured) else []
    return rendered(
        "tuning.html",
        facts=facts,
        headline=metric_value(facts.metric, best.value or 0.0),
        metric=metric_name(facts.metric),
        states=_counted(facts),
        charts=[*charts, parallel(facts)],
        slices=slices(facts),
        rows=[(one, _value(one, facts.metric), _settings(one, facts)) for one in _ordered(facts)[:MOST_ROWS]],
    )


def _counted(facts: Tuning) -> str:
    words = {"complete": "whole", "pruned": "stopped early", "fail": "failed", "running": "still running"}
    counts = {text: sum(one.state == state for one in facts.trials) for state, text in words.items()}
    return ", ".join(f"{count} {text}" for text, count in counts.items() if count)


def _value(one: Trial, metric: str) -> str:
    return "–" if one.value is None else metric_value(metric, one.value)


def _settings(one: Trial, facts: Tuning) -> list[str]:
    return [setting(one.parameters[name]) if name in one.parameters else "–" for name in facts.scales]


def _ordered(facts: Tuning) -> list[Trial]:
    """The best first, whole ones before stopped ones, failed ones last."""
    sign = -1 if facts.higher_is_better else 1
    rank = {"complete": 0, "pruned": 1}
    return sorted(facts.trials, key=lambda one: (rank.get(one.state, 2), sign * (one.value or 0.0), one.number))

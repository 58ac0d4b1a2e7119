"""A comparison of runs as lines, as JSON and as the facts of its page. Needs no torch."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from plusx.report.comparing import Compared, Curve, Row
from plusx.report.drawing import width_of
from plusx.report.scales import number
from plusx.report.words import metric_name, metric_value
from plusx.workflows.groups import Group, Verdict
from plusx.workflows.run_record import Record
from plusx.workflows.significance import Difference

if TYPE_CHECKING:
    from plusx.workflows.compare import Comparison


WIDEST: Final = 40  # characters of a setting's value in a terminal


def lines_of(made: "Comparison") -> Iterator[str]:
    """Warnings, settings, scores, verdicts."""
    for text in made.warnings:
        yield f"note: {text}"
    yield f"{len(made.runs)} runs of {_counted(len(made.groups), 'setting', 'settings')}"
    yield from _settings(made)
    better = "higher" if made.higher_is_better else "lower"
    yield f"{made.metric} on the validation images ({better} is better):"
    for group in made.groups:
        yield from _scores(group, made.metric)
    for one in made.verdicts:
        yield from _verdict(one, made.metric)
    yield from _advice(made)
    if sum(any(one.tests.values()) for one in made.verdicts) > 1:
        yield f"{len(made.verdicts)} comparisons were made: one of 20 is below p 0.05 by chance alone."


def _advice(made: "Comparison") -> list[str]:
    """Where a group has too few seeds to compare it."""
    if made.verdicts and any(len(group.by_seed(made.metric)) == 1 for group in made.groups):
        return [
            "One seed says nothing of significance: train each with the same three seeds or more (--seed 1, --seed 2, "
            "..., each with --split-seed 0: judged on the same images)."
        ]
    return []


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _settings(made: "Comparison") -> Iterator[str]:
    names = [group.name for group in made.groups]
    if not made.asked and not made.resolved:
        yield "Settings that differ: none but seed or place"
    for title, rows in (("Settings that differ:", made.asked), ("What they came to:", made.resolved)):
        if rows:
            yield title
            said = ((name, *(_short(in_words(value)) for value in row)) for name, row in rows.items())
            yield from table([("", *names), *said])


def _short(words: str) -> str:
    """No column of a terminal is wider for one long value: the page has all of it."""
    return words if len(words) <= WIDEST else f"{words[: WIDEST - 1]}…"


def in_words(value: Any) -> str:
    """A value of a setting."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ",".join(map(in_words, value)) or "none"
    return number(value) if isinstance(value, float) else str(value)


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns of even width, whatever the script."""
    widths = [max(width_of(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  "
        + "  ".join(word + " " * (width - width_of(word)) for word, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _scores(group: Group, metric: str) -> Iterator[str]:
    spread, mean = group.spread(metric), group.mean(metric)
    rows = [(group.name, *cells(run, metric)) for run in group.runs]
    yield from table(rows)
    if spread is not None and mean is not None:
        yield f"  {group.name}  {mean:.4f} ± {spread:.4f} over {len(group.by_seed(metric))} seeds"


def cells(run: Record, metric: str) -> tuple[str, str, str, str, str]:
    """Score, best epoch, time, seed and path of a run."""
    score = run.score(metric)
    epoch = "no epoch" if run.best_epoch is None else f"best epoch {run.best_epoch} of {len(run.history)}"
    value = "–" if score is None else f"{score:.4f}"
    return value, epoch, f"{run.seconds:.0f} s", f"seed {run.seed}", str(run.path)


def _verdict(one: Verdict, metric: str) -> Iterator[str]:
    if one.difference is not None:
        yield f"{one.second} against {one.first}: {metric} {one.difference:+.4f}"
        for test in one.tests.values():
            if test is not None:
                yield f"  {tested(test)}"
        if any(one.tests.values()):
            yield f"  {one.words}"
    else:
        yield f"{one.second} against {one.first}: {one.words}"


def tested(test: Difference) -> str:
    """A test in one line."""
    name = f"paired by seed ({test.pairs} pairs)" if test.test == "paired" else "Welch"
    where = f"95 % from {test.low:+.4f} to {test.high:+.4f}"
    return f"{name}: {test.mean:+.4f}, {where}, t {test.t:.3f}, {test.freedom:.1f} degrees of freedom, p {test.p:.2g}"


def to_json(made: "Comparison") -> dict[str, Any]:
    """Everything, as JSON values."""
    return {
        "metric": made.metric,
        "higher_is_better": made.higher_is_better,
        "notes": [*made.warnings, *_advice(made)],
        "settings": {name: list(row) for name, row in made.asked.items()},
        "resolved": {name: list(row) for name, row in made.resolved.items()},
        "groups": [_group(group, made.metric) for group in made.groups],
        "verdicts": [one.to_json() for one in made.verdicts],
    }


def _group(group: Group, metric: str) -> dict[str, Any]:
    runs = [
        {
            "path": str(run.path),
            "seed": run.seed,
            "stopped": run.stopped or None,
            "epochs": len(run.history),
            "best_epoch": run.best_epoch,
            "seconds": run.seconds,
            "score": run.score(metric),
            "metrics": dict(run.metrics),
            "test": dict(run.test),
        }
        for run in group.runs
    ]
    return {"name": group.name, "mean": group.mean(metric), "spread": group.spread(metric), "runs": runs}


def page_of(made: "Comparison") -> Compared:
    """The facts of the page."""
    best = _best(made)
    return Compared(
        title=" · ".join(f"{group.name}: {group.runs[0].path.name}" for group in made.groups[:4]),
        headline=None if best is None else metric_value(made.metric, best.mean(made.metric) or 0.0),
        about="" if best is None else f"{metric_name(made.metric)}, mean of {best.name}, the best",
        metric=metric_name(made.metric),
        groups=[group.name for group in made.groups],
        warnings=(*made.warnings, *_advice(made)),
        tables=[
            (title, [Row(name, tuple(map(in_words, row))) for name, row in rows.items()])
            for title, rows in (("Settings that differ", made.asked), ("What they came to", made.resolved))
            if rows
        ],
        runs=[Row(group.name, cells(run, made.metric)) for group in made.groups for run in group.runs],
        metrics=_metrics(made.groups),
        verdicts=[(f"{one.second} against {one.first}", _tests(one), one.words) for one in made.verdicts],
        curves=[
            (title, [Curve(index, run.path.name, _points(run, key)) for index, run in _coloured(made.groups)])
            for title, key in (
                (f"Validation: {metric_name(made.metric)}", f"val/{made.metric}"),
                (_loss_title(made), "train/loss"),
                ("Learning rate", "train/rate"),
            )
        ],
    )


def _loss_title(made: "Comparison") -> str:
    """Says where the curves are of different losses, whose heights mean nothing beside each other."""
    names = {*made.asked, *made.resolved}
    other = names & {"losses", "task · label_smoothing"} or any(name.startswith("task · loss") for name in names)
    return "Training loss (of different losses: heights are not comparable)" if other else "Training loss"


def _best(made: "Comparison") -> Group | None:
    scored = [group for group in made.groups if group.mean(made.metric) is not None]
    sign = 1 if made.higher_is_better else -1
    return max(scored, key=lambda group: sign * (group.mean(made.metric) or 0.0), default=None)


def _tests(one: Verdict) -> list[str]:
    return [tested(test) for test in one.tests.values() if test is not None]


def _coloured(groups: Sequence[Group]) -> list[tuple[int, Record]]:
    return [(index, run) for index, group in enumerate(groups) for run in group.runs]


def _points(run: Record, key: str) -> tuple[tuple[float, float], ...]:
    return tuple((float(one["epoch"]), one[key]) for one in run.history if key in one)


def _metrics(groups: Sequence[Group]) -> list[Row]:
    """A row a metric that the best weights of any run have: mean and spread of every group."""
    names = dict.fromkeys(name for group in groups for run in group.runs for name in run.metrics)
    return [Row(metric_name(name), tuple(_mean(group, name) for group in groups)) for name in names]


def _mean(group: Group, metric: str) -> str:
    mean, spread = group.mean(metric), group.spread(metric)
    return "–" if mean is None else f"{mean:.4f}" + ("" if spread is None else f" ± {spread:.4f}")

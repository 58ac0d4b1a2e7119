"""What a run directory tells of its run, finished or not: settings, scores, curves. Needs no torch."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from plusx.core.errors import InputError
from plusx.engine.journal import read_journal
from plusx.workflows.directory import RunDirectory
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.run import open_run
from plusx.workflows.scoring import TIE, goal_of_name
from plusx.workflows.split_table import Row, split_rows

NEUTRAL: Final = frozenset(
    [
        *("seed", "out", "overwrite", "resume", "device", "workers", "max_restarts"),
        *("keep", "checkpoint_minutes", "export", "weights_dir", "split_seed"),
    ]
)
"""Settings in which repeats of one run may differ: which draw it was, and where and how it was kept."""

DEFAULTS: Final = MappingProxyType({field.name: field.default for field in fields(FitSettings)})


@dataclass(frozen=True)
class Record:
    """`asked`: the settings that the user gives; `resolved`: what they came to. Both without the neutral ones.

    `history`: the values of each epoch. `metrics`, `test`: of the best weights; like `stopped` empty of a run that has
    not finished. `kept`: their epoch. `computed`: in which precision. `images`, `validation`: digests of all images
    with their targets, and of those it was judged on.
    """

    path: Path
    seed: int
    task: str
    primary: str
    higher_is_better: bool
    asked: Mapping[str, Any]
    resolved: Mapping[str, Any]
    epochs: int | None
    history: tuple[Mapping[str, float], ...]
    metrics: Mapping[str, float]
    test: Mapping[str, float]
    stopped: str
    images: str
    validation: str
    kept: int | None
    computed: str

    @property
    def best_epoch(self) -> int | None:
        """That of the weights that were kept; of an unfinished run the best so far, as training chooses it; None before
        any.
        """
        key, sign = f"val/{self.primary}", 1 if self.higher_is_better else -1
        judged = [one for one in self.history if key in one]
        if self.kept is not None or not judged:
            return self.kept
        return int(max(judged, key=lambda one: (sign * one[key], -one.get(f"val/{TIE}", 0.0)))["epoch"])

    @property
    def seconds(self) -> float:
        """Of the training steps of all epochs."""
        return sum(one.get("train/seconds", 0.0) for one in self.history)

    def score(self, metric: str) -> float | None:
        """Of the best weights; of an unfinished run that of its best epoch so far."""
        if self.stopped:
            return self.metrics.get(metric)
        best = [one for one in self.history if one["epoch"] == self.best_epoch]
        return best[0].get(f"val/{metric}") if best else None


def read_record(path: Path) -> Record:
    """InputError for what is no run."""
    run, saved = open_run(path)
    task = saved.get("task", {})
    primary, higher = goal_of_name(
        task.get("name", ""), saved["settings"].get("metric"), len(task.get("columns") or ()) or 1
    )
    metrics = run.read_json(run.metrics) if run.metrics.is_file() else {}
    test = metrics.pop("test", {})
    stopped = metrics.pop("stopped", "")
    kept = metrics.pop("best_epoch", None)
    asked: dict[str, Any] = {**DEFAULTS, **saved["settings"]}
    images, validation = digests(run)
    return Record(
        path=path,
        seed=int(asked["seed"]),
        task=task.get("name", ""),
        primary=primary,
        higher_is_better=higher,
        asked={name: _plain(value) for name, value in asked.items() if name not in NEUTRAL},
        resolved=resolved(saved),
        epochs=saved.get("plan", {}).get("epochs"),
        history=history_of(run),
        metrics=metrics,
        test=test,
        stopped=stopped or ("soup" if "soup" in saved else ""),
        images=images,
        validation=validation,
        kept=kept or None,
        computed=saved.get("placement", {}).get("precision", ""),
    )


def resolved(saved: Mapping[str, Any]) -> dict[str, Any]:
    """What the settings came to, flat: `optimizer · rate`."""
    card, plan = saved.get("card", {}), {**saved.get("plan", {})}
    plan.pop("seed", None)
    task = [(name, value) for name, value in _flat(saved.get("task", {}), "task · ") if not _of_data(name, value)]
    network = {"architecture": card.get("architecture"), "build": card.get("build"), "input": card.get("input")}
    values = {**network, "start": saved.get("start"), **plan, "batch_size": saved.get("batch_size")}
    soup = {"soup": saved["soup"].get("ingredients")} if "soup" in saved else {}  # no repeat of what it was made of
    return dict([*_flat({**values, "pixels": saved.get("pixels"), **soup}), *task])


def _of_data(name: str, value: Any) -> bool:
    """Names of classes, and numbers that were counted on the training images: those differ with the split."""
    numbers = isinstance(value, tuple) and not all(isinstance(one, str) for one in value)
    return numbers or name in ("task · name", "task · classes", "task · columns", "task · class_weights")


def history_of(run: RunDirectory) -> tuple[Mapping[str, float], ...]:
    """The values of every whole epoch in metrics.jsonl. InputError where it is damaged."""
    journal, epochs = run.curves[0], {}
    try:
        for entry in read_journal(journal) if journal.is_file() else ():
            if not entry["name"].startswith("step/") and entry["value"] is not None:
                epochs.setdefault(entry["epoch"], {"epoch": entry["epoch"]})[entry["name"]] = entry["value"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{journal} is damaged: {error}. The run cannot be compared.") from None
    return tuple(epochs[number] for number in sorted(epochs))


def digests(run: RunDirectory) -> tuple[str, str]:
    """Of all images with their targets, whatever their split, and of the validation images alone."""
    rows = split_rows(run)
    return _digest(rows), _digest([row for row in rows if row.split == "val"])


def _digest(rows: Sequence[Row]) -> str:
    lines = sorted("\0".join(row[1:]) for row in rows)
    return hashlib.sha256("\n".join(lines).encode(errors="replace")).hexdigest()


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            rows += _flat(value, f"{prefix}{key} · ")
        else:
            rows.append((f"{prefix}{key}", _plain(value)))
    return rows


def _plain(value: Any) -> Any:
    """As JSON gives it back: lists are tuples, so that values can be compared."""
    if isinstance(value, list | tuple):
        return tuple(_plain(one) for one in value)
    return str(value) if isinstance(value, Path) else value

"""A run that goes on: which settings may change and by which rule, and whether there is anything left to do."""

import json
import shlex
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from plusx.core.errors import InputError
from plusx.engine.journal import read_journal
from plusx.workflows.directory import RunDirectory
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.values import Spell

_ROUNDED: Final = "the same steps on the same batches, rounded otherwise: its last bits may differ"
_FILES: Final = "no step changes, only which checkpoints are there"
_BROKEN: Final = "no step changes while nothing breaks"
_AFTERWARDS: Final = "no step changes"

RULES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "epochs": "the schedule is computed over the new total and goes on at the step that was reached",
        "patience": "counted from the best epoch; no step changes, only where the run ends",
        "device": _ROUNDED,
        "precision": _ROUNDED,
        "channels_last": _ROUNDED,
        "compile": _ROUNDED,
        "recompute": _ROUNDED,
        "nproc": _ROUNDED,
        "shard_model": _ROUNDED,
        "max_restarts": "no step changes",
        "cache_limit": "no step changes",
        "workers": "the same batches whoever loads them: the same bits",
        "non_finite": _BROKEN,
        "unreadable": _BROKEN,
        "checkpoint_minutes": _FILES,
        "keep": _FILES,
        "export": _AFTERWARDS,
        "weights_dir": _AFTERWARDS,
    }
)
"""The settings of a run that may change when it goes on, and what then happens. All others stay as they were."""

PLACING: Final = frozenset({"device", "precision", "channels_last", "compile", "recompute", "shard_model"})
"""Those after which it is chosen anew where and how the run computes."""


@dataclass(frozen=True)
class Change:
    """A setting that the user gave, and that differs from the one the run began with."""

    name: str
    before: Any
    after: Any

    def worded(self, spell: Spell) -> str:
        """`rate: 0.001 → 0.01`; in the shell `--rate: 0.001 → 0.01` and `--flip → --no-flip`."""
        if spell(self.name) == self.name:
            return f"{self.name}: {self.before} → {self.after}"
        if isinstance(self.after, bool):
            before, after = (spell(self.name if value else f"no_{self.name}") for value in (self.before, self.after))
            return f"{before} → {after}"
        return f"{spell(self.name)}: {_in_shell(self.before)} → {_in_shell(self.after)}"

    def told(self, spell: Spell) -> str:
        """With the rule by which it is taken up."""
        return f"{self.worded(spell)} ({RULES[self.name]})"


def changes_between(before: FitSettings, now: FitSettings, given: AbstractSet[str]) -> tuple[Change, ...]:
    """Of the settings that the user wrote (`given`), those that differ. `epochs` none: as many as before."""
    asked = sorted(given - {"resume"} - ({"epochs"} if now.epochs is None else set()))
    pairs = [(name, getattr(before, name), getattr(now, name)) for name in asked]
    return tuple(Change(name, then, after) for name, then, after in pairs if then != after)


def refuse_changes(changes: Sequence[Change], spell: Spell) -> None:
    """InputError that lists every change for which there is no rule."""
    refused = [change.worded(spell) for change in changes if change.name not in RULES]
    if refused:
        raise InputError(
            f"A run goes on with the settings it began with; these differ: {'; '.join(refused)}. What comes out would "
            f"be the result of neither. Only {', '.join(map(spell, RULES))} may change. Leave the others away, or "
            "begin a new run."
        )


def refuse_fewer_epochs(run: RunDirectory, epochs: int, spell: Spell) -> None:
    """InputError where more have been trained already."""
    if (done := epochs_done(run)) > epochs:
        raise InputError(
            f"{spell('epochs')} is {epochs}, but {run.path} has finished {done} already. Ask for {done} or more."
        )


def nothing_left(run: RunDirectory, epochs: int | None) -> str | None:
    """What to say where a run that shall have `epochs` has been trained to its end; None where it has not."""
    if not (run.model.is_file() and run.metrics.is_file()):
        return None
    done = epochs_done(run)
    early = json.loads(run.metrics.read_text(encoding="utf-8")).get("stopped") == "early"
    if not early and (epochs is None or done < epochs):
        return None
    again = "It is only measured and exported again."
    if early:
        return f"{run.path} stopped early after {done} epochs, as --patience asked: nothing is left to train. {again}"
    return (
        f"All {done} epochs of {run.path} are done: nothing is left to train. {again} To train longer: "
        f"plusx fit --resume {shlex.quote(str(run.path))} --epochs {2 * done}"
    )


def epochs_done(run: RunDirectory) -> int:
    """Counted in metrics.jsonl."""
    path, _ = run.curves
    entries = read_journal(path) if path.is_file() else ()
    return max((entry["epoch"] for entry in entries if not entry["name"].startswith("step/")), default=0)


def _in_shell(value: Any) -> str:
    return "none" if value is None else " ".join(value) if isinstance(value, tuple) else str(value)

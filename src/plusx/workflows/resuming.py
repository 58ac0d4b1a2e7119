"""A run that goes on: which settings may change, and whether there is anything left to do."""

import json
import shlex
from collections.abc import Set as AbstractSet
from typing import Final

from plusx.core.errors import InputError
from plusx.engine.journal import read_journal
from plusx.workflows.directory import RunDirectory
from plusx.workflows.settings import FitSettings

MAY_CHANGE: Final = frozenset({"epochs", "workers", "export", "weights_dir"})
"""The settings of a run that goes on: none of them changes what its steps compute."""


def refuse_changes(before: FitSettings, now: FitSettings, given: AbstractSet[str]) -> None:
    """InputError naming the settings, other than those that may change, that differ from those the run began with.

    `given`: the names of the settings that the user wrote.
    """
    changed = [
        f"{name}: {getattr(before, name)} → {getattr(now, name)}"
        for name in sorted(given - MAY_CHANGE - {"resume"})
        if getattr(now, name) != getattr(before, name)
    ]
    if changed:
        raise InputError(
            f"A run goes on with the settings it began with; these differ: {'; '.join(changed)}. "
            f"Only {', '.join(sorted(MAY_CHANGE))} may change. Leave the others away, or begin a new run."
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

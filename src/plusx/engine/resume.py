"""What a checkpoint of a run has to agree with before the run goes on, and how it is put back."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plusx.core.errors import InputError, WeightsError
from plusx.engine import checkpoint
from plusx.engine.placement import Placement
from plusx.engine.plan import Plan, check_continues
from plusx.engine.state import State


def begin_directory(directory: Path) -> None:
    """Makes `directory` ready for a new run. Raises InputError when it holds another run's checkpoints."""
    if checkpoint.exists(directory):
        raise InputError(
            f"{directory} holds the checkpoints of another run: expected an empty directory. Resume that run, or "
            "choose another directory."
        )
    checkpoint.make(directory)


def check_agrees(content: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    """Raises InputError when the checkpoint was made with other settings or data than those of `expected`."""
    state = State.from_json(content["state"])
    check_continues(Plan.from_json(content["plan"]), Plan.from_json(expected["plan"]), state.epoch + (state.batch > 0))
    for field, meaning in {"batches": "batches in an epoch", "primary": "the metric to go by"}.items():
        if content[field] != expected[field]:
            raise InputError(
                f"This run was begun with other data or settings ({meaning}: {content[field]} → {expected[field]}). "
                "Continue with the same, or begin a new run."
            )


def differences(content: Mapping[str, Any], placement: Placement) -> list[str]:
    """Notes on what lets the continued run end with other bits than an uninterrupted one would."""
    notes = []
    before = Placement.from_json(content["placement"])
    if before.differs(placement):
        notes.append(f"The run was begun as {before} and goes on as {placement}: its results may differ slightly.")
    now = checkpoint.versions()
    changed = [
        f"{name} {content['versions'][name]} → {now[name]}" for name in now if content["versions"][name] != now[name]
    ]
    if changed:
        notes.append(f"The code has changed since ({', '.join(changed)}): results may differ slightly.")
    return notes


def reconcile_best(directory: Path, state: State) -> list[str]:
    """Makes `state` name the weights that really are in `best.pt`, which may be newer, damaged or gone."""
    path = directory / checkpoint.BEST
    if not path.exists() and state.best_epoch == 0:
        return []
    try:
        best = checkpoint.read(path) if path.exists() else None
    except WeightsError as error:
        lost = str(error)
    else:
        if best is not None:
            state.best_metric, state.best_epoch = best["metric"], best["epoch"]
            return []
        lost = f"{path} is gone."
    state.best_metric, state.best_epoch = None, 0
    return [f"{lost} The best weights are sought among the epochs to come."]

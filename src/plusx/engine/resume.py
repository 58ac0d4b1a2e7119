"""What a checkpoint of a run has to agree with before the run goes on, and how it is put back."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from plusx.core.errors import InputError, WeightsError, foreign
from plusx.core.ranks import Ranks
from plusx.engine import checkpoint
from plusx.engine.averages.average import average_in
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
    with foreign(_damaged):
        state, plan = State.from_json(content["state"]), Plan.from_json(content["plan"])
        done = int(state.epoch) + (int(state.batch) > 0)
        check_continues(plan, Plan.from_json(expected["plan"]), done)
        _check_same(content, expected)


def _damaged(reason: str) -> WeightsError:
    return WeightsError(
        f"The checkpoint holds something else than this version writes ({reason}). Resume with the version of plusx "
        "that wrote it, or begin a new run."
    )


def _check_same(content: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    for field, meaning in {"batches": "batches in an epoch", "primary": "the metric to go by"}.items():
        if content[field] != expected[field]:
            raise InputError(
                f"This run was begun with other data or settings ({meaning}: {content[field]} → {expected[field]}). "
                "Continue with the same, or begin a new run."
            )


def differences(content: Mapping[str, Any], placement: Placement) -> list[str]:
    """Notes on what lets the continued run end with other bits than an uninterrupted one would."""
    notes = []
    with foreign(_damaged):
        before, then = Placement.from_json(content["placement"]), dict(content["versions"])
    if before.differs(placement):
        notes.append(f"The run was begun as {before} and goes on as {placement}: its results may differ slightly.")
    threads = content.get("threads", torch.get_num_threads())
    if placement.device.type == "cpu" and threads != torch.get_num_threads():
        notes.append(
            f"The run was begun with {threads} threads and goes on with {torch.get_num_threads()}: sums are rounded in "
            "another order, and its results may differ slightly."
        )
    now = checkpoint.versions()
    changed = [f"{name} {then[name]} → {now[name]}" for name in now if name in then and then[name] != now[name]]
    if changed:
        notes.append(f"The code has changed since ({', '.join(changed)}): results may differ slightly.")
    return notes


def best_in(content: Mapping[str, Any]) -> dict[str, Any] | None:
    """What `best.pt` holds, where this checkpoint was made when the best weights were found; else None."""
    state = State.from_json(content["state"])
    if not state.at_best:
        return None
    average = average_in(content)
    task = content["task"] if average is None or not average["updates"] else average["task"]
    return {"task": task, "primary": content["primary"], "metric": state.best_metric, "epoch": state.best_epoch}


def other_number(content: Mapping[str, Any], ranks: Ranks) -> list[str]:
    """A note where another number of processes goes on."""
    before = content.get("world", 1)
    if before == ranks.world:
        return []
    return [
        f"The run was trained by {before} processes together and goes on with {ranks.world}, with the same batches: "
        "its results may differ slightly."
    ]


def reconcile_best(directory: Path, content: Mapping[str, Any], state: State) -> list[str]:
    """Makes `best.pt` and `state`, which was read from `content`, name the same weights; notes on what was lost.

    `last.pt` is written first. Killed before `best.pt` was, the weights are in `content` and are written now. Where
    `content` is an older checkpoint because a newer one was damaged, `best.pt` may be ahead: its weights are this run's
    own, and count. Where it is damaged or gone, older checkpoints are looked through.
    """
    path = directory / checkpoint.BEST
    if (best := best_in(content)) is not None and _read_best(path)[0] != (best["metric"], best["epoch"]):
        checkpoint.write(path, best)
    found, why = _read_best(path)
    if found is None:
        found = _best_of_older(directory, state)
    if found is None and not state.best_epoch:
        return []
    state.best_metric, state.best_epoch = found or (None, 0)
    return [] if found else [f"{why} The best weights are sought among the epochs to come."]


def _read_best(path: Path) -> tuple[tuple[float, int] | None, str]:
    """Metric and epoch; where there are none, why."""
    if not path.exists():
        return None, f"{path} is gone."
    try:
        best = checkpoint.read(path)
    except WeightsError as error:
        return None, str(error)
    return (best["metric"], best["epoch"]), ""


def _best_of_older(directory: Path, state: State) -> tuple[float, int] | None:
    """Writes `best.pt` anew from an older checkpoint that holds the best weights, where one is left."""
    for path in checkpoint.kept(directory):
        try:
            best = best_in(checkpoint.read(path))
        except WeightsError:
            continue
        if best is not None and best["epoch"] == state.best_epoch:
            checkpoint.write(directory / checkpoint.BEST, best)
            return best["metric"], best["epoch"]
    return None

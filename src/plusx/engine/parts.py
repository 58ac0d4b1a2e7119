"""What the loop is given and what it gives back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import torch

from plusx.core.batch import Batch
from plusx.core.task import Task
from plusx.engine.checkpoint import KEEP
from plusx.engine.interrupt import Interrupt
from plusx.engine.notes import Notes
from plusx.engine.observer import Observer, Stopped
from plusx.engine.pace import Pace, Unhurried
from plusx.engine.skipping import NonFinite
from plusx.engine.stage_norms import never

Prepare: TypeAlias = Callable[[Batch, torch.Generator], Batch]
"""uint8 batch on its device → float, normalised, augmented; all randomness from the generator (of that device)."""

Resize: TypeAlias = Callable[[Batch, float], Batch]
"""uint8 batch on its device, and the share of the run at its epoch's end, 0..1 → the batch at the size for then."""


@dataclass(frozen=True)
class TrainParts:
    """`evaluate` is called after each epoch with the task to judge (that of the average where there is one).

    It returns metric name → value; `primary` names the one that best weights and patience go by, `tie` the one that
    decides between epochs in which that is the same: less of it is better, and not every task has it. Without
    `evaluate` the last weights are the best. `directory` gets `best.pt` and the newest `keep` states: `last.pt`,
    `previous.pt` and so on. `about`: what each checkpoint also says of the run, as plain values.
    """

    prepare: Prepare
    directory: Path
    evaluate: Callable[[Task], dict[str, float]] | None = None
    primary: str = ""
    higher_is_better: bool = True
    tie: str = ""
    observers: Sequence[Observer] = ()
    interrupt: Interrupt = field(default_factory=Interrupt)
    notes: Notes = field(default_factory=Notes)  # of the parts around the loop: told to the observers, and kept
    pace: Pace = field(default_factory=Unhurried)
    non_finite: NonFinite = "stop"  # or the step is skipped: see `engine.skipping`
    checkpoint_minutes: float | None = None  # also saves inside an epoch when this much time has passed
    keep: int = KEEP
    about: Mapping[str, Any] = field(default_factory=dict)
    sampled: Callable[[int, int], bool] = never  # of which step, of how many, observers get norms
    resize: Resize | None = None  # comes before `prepare`
    begins: Callable[[int], None] | None = None  # told of each epoch (from 0), with the weights it begins with


@dataclass(frozen=True)
class Outcome:
    """How a run ended. `best_epoch` counts from 1, 0 when nothing was evaluated (`best_metric` is None then).

    `history`: one mapping per epoch, with "epoch", "step", "train/loss", "train/<part>" when there are several,
    "train/rate", "train/seconds", "train/images_per_second" and "val/<metric>". `notes`: what happened on the way, in
    order, each with "epoch" (from 1), "step" (those done before) and "text".
    """

    epochs_done: int
    steps_done: int
    best_metric: float | None
    best_epoch: int
    stopped: Stopped
    history: tuple[dict[str, float], ...]
    notes: tuple[dict[str, Any], ...] = ()

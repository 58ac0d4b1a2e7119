"""One pass over a data set without learning."""

from dataclasses import dataclass

from torch import Tensor

from plusx.core.batch import Batches
from plusx.core.task import Task
from plusx.engine.device import Placement
from plusx.engine.parts import Prepare


@dataclass(frozen=True)
class Collected:
    """Over a whole data set, in the order of the batches, on the CPU: `outputs` as `Task.forward` gives them (float32),
    `targets` as in `Batch` (None when there are none), `indices` (N,) int64, `names` one per image."""

    outputs: Tensor
    targets: Tensor | None
    indices: Tensor
    names: tuple[str, ...]


def evaluate(task: Task, batches: Batches, placement: Placement, prepare: Prepare) -> dict[str, float]:
    """The task's metrics over all batches. The task is moved to the placement; every module's mode is restored."""
    raise NotImplementedError


def collect(task: Task, batches: Batches, placement: Placement, prepare: Prepare) -> Collected:
    """Outputs and targets of all batches. The task is moved to the placement; every module's mode is restored."""
    raise NotImplementedError

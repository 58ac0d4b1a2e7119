"""The training loop."""

from plusx.core.batch import Batches
from plusx.core.task import Task
from plusx.engine.device import Placement
from plusx.engine.parts import Outcome, TrainParts
from plusx.engine.plan import Plan


def train(
    task: Task, batches: Batches, plan: Plan, placement: Placement, *, parts: TrainParts, resume: bool = False
) -> Outcome:
    """Trains `task` in place; at the end it holds the best weights (averaged ones when there is an EMA).

    `resume` continues from the newest valid checkpoint in `parts.directory`, at the very step and with the very
    random states; a run that was stopped anywhere and continued ends with the same bits (on CPU).
    Raises NonFiniteLossError, StorageError, InputError.
    """
    raise NotImplementedError

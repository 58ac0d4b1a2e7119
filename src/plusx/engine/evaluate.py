"""One pass over a data set without learning."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from plusx.core.batch import Batch, Batches
from plusx.core.errors import InputError
from plusx.core.memory import is_out_of_memory
from plusx.core.task import Metrics, Task
from plusx.engine import memory, randomness
from plusx.engine.modes import preserved_modes
from plusx.engine.parts import Prepare
from plusx.engine.placement import Placement, place, tuned


@dataclass(frozen=True)
class Collected:
    """Over a whole data set, in the order of the batches, on the CPU: `outputs` as `Task.forward` gives them (float32),
    `targets` as in `Batch` (None when there are none), `indices` (N,) int64, `names` one per image."""

    outputs: Tensor
    targets: Tensor | None
    indices: Tensor
    names: tuple[str, ...]


def evaluate(task: Task, batches: Batches, placement: Placement, prepare: Prepare) -> dict[str, float]:
    """The task's metrics over all batches: what `counted` counts."""
    return counted(task, batches, placement, prepare).compute()


def counted(task: Task, batches: Batches, placement: Placement, prepare: Prepare) -> Metrics:
    """The task's metrics after all batches, each sample counted once whatever the batch size. No outputs are kept.

    The task is moved to the placement; every module's mode is restored.
    Raises InputError when there are no batches or a batch has no targets.
    """
    counter = task.metrics()
    for batch, outputs in outputs_of(task, batches, placement, prepare):
        if batch.targets is None:
            raise InputError(f"{batch.names[0]} has no label: expected labelled images to evaluate on.")
        counter.update(outputs, batch.targets, batch.views)
    return counter


def collect(task: Task, batches: Batches, placement: Placement, prepare: Prepare) -> Collected:
    """Outputs and targets of all batches. The task is moved to the placement; every module's mode is restored.

    Raises InputError when there are no batches.
    """
    outputs, targets, indices, names = [], [], [], []
    for batch, batch_outputs in outputs_of(task, batches, placement, prepare):
        outputs.append(batch_outputs.cpu())
        targets.append(None if batch.targets is None else batch.targets.cpu())
        indices.append(batch.indices.cpu())
        names.extend(batch.names)
    known = [part for part in targets if part is not None]
    return Collected(
        torch.cat(outputs), torch.cat(known) if len(known) == len(targets) else None, torch.cat(indices), tuple(names)
    )


def outputs_of(task: Task, batches: Batches, placement: Placement, prepare: Prepare) -> Iterator[tuple[Batch, Tensor]]:
    """Prepared batches of epoch 0 with the task's outputs (float32), both on the placement's device.

    In parts from where memory runs out.
    """
    if len(batches) == 0:
        raise InputError("There are no images to evaluate on: expected at least one.")
    place(task, placement)
    generator = torch.Generator(placement.device)
    source = batches.epoch(0)
    size: int | None = None  # images computed at once; None: a whole batch
    with preserved_modes(task), tuned(placement):
        task.eval()
        for number, batch in enumerate(source):
            moved = batch.to(placement.device, placement.memory_format)
            seed = randomness.seed_of(number)
            prepared = moved if moved.stages else prepare(moved, generator.manual_seed(seed))
            while (found := _fitting(task, prepared.parts(size or len(prepared)), placement)) is None:
                size = (min(size or len(prepared), len(prepared)) + 1) // 2
            yield from found


def _fitting(task: Task, parts: Sequence[Batch], placement: Placement) -> list[tuple[Batch, Tensor]] | None:
    """Each part with its outputs; None where memory ran out and parts may be smaller."""
    try:
        with torch.inference_mode(), placement.autocast(), task.backbone.after(parts[0].stages):
            return [(part, task(part.images).float()) for part in parts]
    except Exception as error:
        if not is_out_of_memory(error) or max(map(len, parts)) == 1:
            raise
    memory.release(placement.device)
    return None

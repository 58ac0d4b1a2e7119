"""Named losses on their way to the host, and what is said when one is not a number.

Reading a loss makes the host wait for the device. It is read after backward has been queued, and waits for the
forward pass alone (an event): the device still has backward to do, so it never idles for the check, and the update
is not applied before the check has passed.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from plusx.core.batch import Batch
from plusx.core.errors import NonFiniteLossError
from plusx.core.task import Task
from plusx.engine.modes import preserved_modes

NAMED = 10
"""Samples that an error names at most."""


class PendingLosses:
    """The losses of one batch: `values` waits for them."""

    def __init__(self, losses: dict[str, Tensor]) -> None:
        self.parts = tuple(losses)
        stacked = torch.stack([loss.detach().float() for loss in losses.values()])
        self._event = torch.cuda.Event() if stacked.is_cuda else None
        self._host = stacked.to("cpu", non_blocking=stacked.is_cuda)
        if self._event is not None:
            self._event.record()

    def values(self) -> dict[str, float]:
        """Part → value, in the task's order."""
        if self._event is not None:
            self._event.synchronize()
        return dict(zip(self.parts, self._host.tolist(), strict=True))


def check_finite(values: dict[str, float], task: Task | None, batch: Batch, place: str) -> None:
    """Raises NonFiniteLossError naming the parts, `place` and the samples of the prepared `batch`.

    task: None where this process cannot compute alone, and look which samples they are.
    """
    bad = {part: value for part, value in values.items() if not math.isfinite(value)}
    if not bad:
        return
    parts = ", ".join(f"{part!r} is {value}" for part, value in bad.items())
    culprits = [] if task is None else non_finite_samples(task, batch)
    samples = f"caused by {_listed(culprits)}" if culprits else f"in the batch of {_listed(batch.names)}"
    raise NonFiniteLossError(
        f"Loss {parts} at {place}, {samples}; expected finite numbers. The step was not applied and the last "
        "checkpoint is as it was. Look at these samples, or lower the rate, clip gradients, or train in fp32."
    )


@torch.no_grad()
def non_finite_samples(task: Task, batch: Batch) -> list[str]:
    """Names of the samples whose loss is not finite when they are alone (in eval mode).

    None when all are good alone, and none when all are bad: then it is the weights.
    """
    assert batch.targets is not None
    culprits = []
    with preserved_modes(task), task.backbone.after(batch.stages):
        task.eval()
        for index, name in enumerate(batch.names):
            losses = task(batch.images[index : index + 1], batch.targets[index : index + 1])
            if not all(math.isfinite(loss.item()) for loss in losses.values()):
                culprits.append(name)
    return culprits if len(culprits) < len(batch) else []


def check_gradients(parameters: Sequence[nn.Parameter], place: str) -> None:
    """Raises NonFiniteLossError when a gradient is not finite, although every loss was: see `place`."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    if not nn.utils.get_total_norm(gradients).isfinite():
        raise NonFiniteLossError(
            f"Gradients at {place} hold NaN or infinity, though the loss was finite. The step was not applied and the "
            "last checkpoint is as it was. Lower the rate, clip gradients, or train in fp32."
        )


def check_weights(task: Task, step: int) -> None:
    """Raises NonFiniteLossError when a weight or statistic is not finite: such a state must not become a checkpoint.

    Of a sharded task each process looks at its own part.
    """
    state = task.state_dict()
    held = {name: value.to_local() if hasattr(value, "to_local") else value for name, value in state.items()}
    tensors = {name: tensor for name, tensor in held.items() if tensor.is_floating_point()}
    finite = torch.stack([tensor.isfinite().all() for tensor in tensors.values()]).tolist()
    bad = [name for name, good in zip(tensors, finite, strict=True) if not good]
    if bad:
        raise NonFiniteLossError(
            f"After step {step} the weights {_listed(bad)} hold NaN or infinity, though every loss was finite; the "
            "last checkpoint is as it was. Lower the rate, clip gradients, or train in fp32."
        )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more

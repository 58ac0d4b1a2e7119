"""BatchNorm's statistics taken anew: averaged weights make other maps than any of the weights they are made of.

As torch's `swa_utils.update_bn`: the plain mean over batches of each batch's mean and variance. Here only the norms
are in train mode, for what is measured has no dropout.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from plusx.core.task import Task
from plusx.engine.modes import batch_norms, preserved_modes

ENOUGH = 10_000
"""Images after which statistics hardly move any more: those of a channel are over many places of each image."""


def moving_norms(average: Task, learning: Task) -> list[nn.Module]:
    """The BatchNorms of `average` whose statistics move in `learning`, of which it is a copy."""
    pairs = zip(batch_norms(average), batch_norms(learning), strict=True)
    return [norm for norm, other in pairs if other.training]


@torch.no_grad()
def reestimate(
    task: nn.Module, norms: Sequence[nn.Module], images: Iterable[Tensor], autocast: AbstractContextManager[Any]
) -> int:
    """Statistics of `norms` over batches of prepared `images` (B, C, H, W), on the device of `task`; how many images.

    Modes and momenta are afterwards as before. Single images have no statistics and are left out. Where there are no
    others, all stays as it was.
    """
    seen = 0
    with preserved_modes(task), _plain_means(norms):
        task.eval()
        for batch in images if norms else ():
            if len(batch) > 1:
                if not seen:
                    _begin(norms)
                with autocast:
                    task(batch)
                seen += len(batch)
            if seen >= ENOUGH:
                break
    return seen


def _begin(norms: Sequence[nn.Module]) -> None:
    for norm in norms:
        assert isinstance(norm, _BatchNorm)
        norm.reset_running_stats()
        norm.train()


@contextmanager
def _plain_means(norms: Sequence[nn.Module]) -> Iterator[None]:
    """Inside, running statistics are the means of all batches since they were reset."""
    momenta: list[Any] = [vars(norm)["momentum"] for norm in norms]
    for norm in norms:
        vars(norm)["momentum"] = None
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            vars(norm)["momentum"] = momentum

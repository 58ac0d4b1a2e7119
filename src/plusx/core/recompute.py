"""Gradient checkpointing: maps are not kept for the backward pass but computed a second time.

Tianqi Chen, Bing Xu, Chiyuan Zhang, Carlos Guestrin: Training Deep Nets with Sublinear Memory Cost, 2016, arXiv
1604.06174.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint


def recomputed(module: nn.Module, *inputs: Tensor) -> Tensor:
    """`module(*inputs)`, with the same gradients and statistics, but nothing inside kept until the backward pass.

    In a graph that is being compiled just `module(*inputs)`: the compiler decides by itself what it keeps.
    """
    if torch.compiler.is_compiling():
        return module(*inputs)

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), _statistics_untouched(module)

    result: Any = checkpoint(module, *inputs, use_reentrant=False, context_fn=contexts)
    return result


@contextmanager
def _statistics_untouched(module: nn.Module) -> Iterator[None]:
    """The second pass must not count its batch in the running statistics once more."""
    norms = [part for part in module.modules() if isinstance(part, _BatchNorm) and part.training]
    before = [(part.momentum, part.num_batches_tracked) for part in norms]
    for part in norms:
        part.momentum, part.num_batches_tracked = 0.0, None
    try:
        yield
    finally:
        for part, (momentum, counter) in zip(norms, before, strict=True):
            part.momentum, part.num_batches_tracked = momentum, counter

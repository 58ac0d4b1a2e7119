"""From checked targets to the tensors a task takes."""

from collections.abc import Callable
from typing import TypeAlias

from torch import Tensor

from plusx.core.sample import Kind
from plusx.core.targets import Target

Encode: TypeAlias = Callable[[Target], Tensor]


def encoder(kind: Kind, classes: int) -> Encode:
    """label: int64 scalar; labels: 0/1 float32 (classes,); value: float32 (K,), with `classes` = K."""
    raise NotImplementedError

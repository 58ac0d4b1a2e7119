"""From checked targets to the tensors a task takes."""

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from plusx.core.errors import DataError
from plusx.core.sample import Kind
from plusx.core.targets import Label, Labels, Target, Value

Encode: TypeAlias = Callable[[Target], Tensor]


class _Encoder:
    """A class, not a closure: loading processes that are started afresh have to receive it."""

    def __init__(self, kind: Kind, classes: int) -> None:
        self.kind: Kind = kind
        self.classes = classes

    def __call__(self, target: Target) -> Tensor:
        match self.kind, target:
            case "label", Label(index) if index < self.classes:
                return torch.tensor(index)
            case "labels", Labels(indices) if all(index < self.classes for index in indices):
                return torch.zeros(self.classes).index_fill_(0, torch.tensor(indices, dtype=torch.int64), 1.0)
            case "value", Value(values) if len(values) == self.classes:
                return torch.tensor(values, dtype=torch.float64)
        raise DataError(f"{target} does not fit a data set of kind {self.kind!r} with {self.classes} outputs")


def encoder(kind: Kind, classes: int) -> Encode:
    """label: int64 scalar; labels: 0/1 float32 (classes,); value: float64 (K,), with `classes` = K.

    The result raises DataError for a target of another kind or beyond `classes`.
    """
    return _Encoder(kind, classes)

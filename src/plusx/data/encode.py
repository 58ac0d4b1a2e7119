"""From checked targets to the tensors a task takes."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from plusx.core.errors import DataError
from plusx.core.masks import Mask, Masks
from plusx.core.sample import Kind
from plusx.core.targets import Boxes, Label, Labels, Target, Value

Encode: TypeAlias = Callable[[Target], Tensor]

NO_BOX = -1.0
"""Fills the rows of an image that has fewer boxes than another one of its batch."""


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
            case "boxes", Boxes() if (target.labels < self.classes).all():
                return _rows(target)
            case "mask", Mask():
                return torch.from_numpy(target.values)
            case "masks", Masks() if len(target.values) == self.classes:
                return torch.from_numpy(target.values)
        raise DataError(f"{target} does not fit a data set of kind {self.kind!r} with {self.classes} outputs")


def encoder(kind: Kind, classes: int) -> Encode:
    """label: int64 scalar; labels: 0/1 float32 (classes,); value: float64 (K,), with `classes` = K; boxes: float32
    (N, 7), rows as in `core.batch.Batch`; mask: uint8 (H, W); masks: uint8 (classes, H, W).

    The result raises DataError for a target of another kind or beyond `classes`.
    """
    return _Encoder(kind, classes)


def stacked(targets: Sequence[Tensor]) -> Tensor:
    """The targets of a batch, (B, ...); of boxes, which are not equally many, filled up with rows of NO_BOX."""
    if len({target.shape for target in targets}) == 1:
        return torch.stack([*targets])
    return pad_sequence([*targets], batch_first=True, padding_value=NO_BOX)


def _rows(boxes: Boxes) -> Tensor:
    columns = (boxes.labels[:, None], boxes.corners, boxes.ignored[:, None], boxes.areas[:, None])
    return torch.from_numpy(np.concatenate(columns, axis=1, dtype=np.float32))

"""RoIAlign (He et al. 2017, arXiv 1703.06870, section 3) on the map of a pyramid that fits each box's size."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision.ops import roi_align

from plusx.nn.detection.boxes import areas

CANONICAL_SIZE, CANONICAL_LEVEL = 224, 4
"""A box of 224² pixels belongs to P4: Lin et al. 2016 (FPN), equation 1."""


@dataclass(frozen=True)
class PyramidAlign:
    """`output`: points along each side; `samples`: along each side of a point."""

    output: int = 7
    samples: int = 2

    def __call__(self, maps: Sequence[Tensor], strides: Sequence[int], boxes: Tensor) -> Tensor:
        """maps: each (B, C, h, w), of `strides` that double; boxes: (N, 5), image's index, x1, y1, x2, y2.

        -> (N, C, output, output), cut from the map of level k = ⌊4 + log₂(√(wh) / 224)⌋, or the nearest there is.
        """
        level = levels_of(boxes[:, 1:], strides)
        pooled = maps[0].new_zeros(boxes.shape[0], maps[0].shape[1], self.output, self.output)
        for number, (values, stride) in enumerate(zip(maps, strides, strict=True)):
            rows = torch.where(level == number)[0]
            cut = roi_align(values, boxes[rows], self.output, 1 / stride, self.samples)
            pooled = pooled.index_put((rows,), cut.to(pooled.dtype))
        return pooled


def levels_of(boxes: Tensor, strides: Sequence[int]) -> Tensor:
    """The index of the map that a box is cut from: (N, 4) -> (N,)."""
    first, last = (stride.bit_length() - 1 for stride in (strides[0], strides[-1]))
    level = CANONICAL_LEVEL + torch.log2(areas(boxes).sqrt() / CANONICAL_SIZE)
    return torch.floor(level + 1e-6).clamp(first, last).long() - first

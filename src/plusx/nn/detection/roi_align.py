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

    def __call__(
        self, maps: Sequence[Tensor], strides: Sequence[int], boxes: Tensor, there: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """maps: each (B, C, h, w), of `strides` that double; boxes: (N, 5), image's index, x1, y1, x2, y2; there: (N,)
        bool, which of them are asked for, without it all.

        -> (M, C, output, output), cut from the map of level k = ⌊4 + log₂(√(wh) / 224)⌋, or the nearest there is; and
        the rows (M,) of `boxes` that these are: level by level, so that the cuts, which are large, are moved only once.
        """
        level = levels_of(boxes[:, 1:], strides)
        level = level if there is None else torch.where(there, level, -1)
        rows = [torch.where(level == number)[0] for number in range(len(maps))]
        parts = zip(maps, strides, rows, strict=True)
        cuts = [roi_align(values, boxes[own], self.output, 1 / stride, self.samples) for values, stride, own in parts]
        return torch.cat(cuts), torch.cat(rows)


def levels_of(boxes: Tensor, strides: Sequence[int]) -> Tensor:
    """The index of the map that a box is cut from: (N, 4) -> (N,)."""
    first, last = (stride.bit_length() - 1 for stride in (strides[0], strides[-1]))
    level = CANONICAL_LEVEL + torch.log2(areas(boxes).sqrt() / CANONICAL_SIZE)
    return torch.floor(level + 1e-6).clamp(first, last).long() - first

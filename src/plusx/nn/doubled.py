"""The 3×3 convolution of a map that is doubled to nearest points, and of another beside it, without doubling anything.

Of the four points that a doubled point becomes, each sees a 2×2 of the map itself: two of the three taps of a side fall
on one point and may be summed beforehand. That is 4 instead of 9 products a point, and neither the doubled map nor
the two side by side are ever made. An output's points then lie apart as in pixel shuffle (Shi et al. 2016, arXiv
1609.05158, section 3.2).
"""

from typing import Final, final

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, interpolate, pixel_shuffle

SUMS: Final = torch.tensor([[[1.0, 1, 0], [0, 0, 1]], [[1, 0, 0], [0, 1, 1]]])
"""Taps of a side, 3, to those on the map itself, 2: of the right or lower one of a pair of points, then of the left."""

WORTH: Final = 256
"""Points of the maps of a batch, without doubling, from which on the sums repay themselves (benchmarks/RESULTS.md)."""


@final
class DoubledConv2d(nn.Conv2d):
    """A padded 3×3 convolution of stride 1 without bias, called with both maps; its weights are those of the two side
    by side. Results differ from that in rounding alone."""

    def __init__(self, in_channels: int, beside: int, channels: int) -> None:
        """in_channels: of the map to be doubled; beside: of the other, 0 without one."""
        super().__init__(in_channels + beside, channels, 3, padding=1, bias=False)
        self.doubled = in_channels

    def forward(self, input: Tensor, beside: Tensor | None = None) -> Tensor:  # noqa: A002 (nn.Conv2d calls it so)
        """input: B, in_channels, h, w; beside: B, beside, H, W, to whose size `input` is brought where that is not
        exactly double. Returns B, channels, H, W."""
        height, width = input.shape[2:]
        size = (2 * height, 2 * width) if beside is None else (beside.shape[2], beside.shape[3])
        if size != (2 * height, 2 * width) or not _worth(input):
            doubled = interpolate(input, size=size, mode="nearest")
            return super().forward(doubled if beside is None else torch.cat((doubled, beside), dim=1))
        own, other = self.weight[:, : self.doubled], self.weight[:, self.doubled :]
        found = pixel_shuffle(conv2d(input, _summed(own), padding=1), 2)[:, :, 1:-1, 1:-1]
        return found if beside is None else found + conv2d(beside, other, padding=1)


def _summed(weight: Tensor) -> Tensor:
    """C, I, 3, 3 → 4 · C, I, 2, 2: the kernels of the four points, in the order that `pixel_shuffle` takes them."""
    channels, inputs = weight.shape[:2]
    sums = torch.einsum("atk,bul->abtukl", SUMS, SUMS).reshape(16, 9).to(weight)
    kernels = (weight.reshape(-1, 9) @ sums.T).view(channels, inputs, 4, 2, 2)
    return kernels.transpose(1, 2).reshape(4 * channels, inputs, 2, 2)


def _worth(x: Tensor) -> bool:
    """In a recorded graph always: its weights are summed once, when it is opened."""
    return torch.compiler.is_exporting() or x.shape[0] * x.shape[2] * x.shape[3] >= WORTH

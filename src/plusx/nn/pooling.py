"""Means of 2×2 points, and what they become where the halving is traded for dilation. Maps are B, C, H, W."""

from typing import final

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, pad

from plusx.nn.strides import Step


@final
class HalvingAverage(nn.Module):
    """The mean of every 2×2 points, at the lower and right edge of those that are there: H becomes ceil(H / 2)."""

    def forward(self, x: Tensor) -> Tensor:
        if torch.compiler.is_exporting():  # rounding up asks whether a side is odd, which a graph for any size cannot
            return avg_pool2d(pad(x, (0, 1, 0, 1), mode="replicate"), 2, 2)
        return avg_pool2d(x, 2, 2, ceil_mode=True, count_include_pad=False)


@final
class SpreadAverage(nn.Module):
    """The mean of 2×2 points that lie `apart` rows and columns from each other, at every point: H stays.

    At every second point of the grid of step `apart` that is what halving makes of that grid. At the lower and right
    edge it is the mean of the points that are there.
    """

    def __init__(self, apart: int) -> None:
        super().__init__()
        self.apart = apart

    def forward(self, x: Tensor) -> Tensor:
        d = self.apart
        x = torch.cat([(x[:, :, :-d] + x[:, :, d:]) / 2, x[:, :, -d:]], dim=2)
        return torch.cat([(x[..., :-d] + x[..., d:]) / 2, x[..., -d:]], dim=3)

    def extra_repr(self) -> str:
        return f"apart={self.apart}"


def average_rounded_down(step: Step) -> nn.Module:
    """2×2 means of stride 2, H becomes floor(H / 2): the transition of DenseNet. `step`: what became of that stride."""
    return nn.AvgPool2d(2) if step.stride > 1 else SpreadAverage(step.dilation)


def average_rounded_up(step: Step) -> nn.Module:
    """2×2 means of stride 2, H becomes ceil(H / 2): the shortcut of ResNet-D. Nothing where the grid stays."""
    if step.stride > 1:
        return HalvingAverage()
    return SpreadAverage(step.dilation) if step.dilation_after > step.dilation else nn.Identity()

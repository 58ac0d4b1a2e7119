"""Means of 2×2 points, at the lower and right edge of those that are there: the shortcut of ResNet-D.

He et al. 2018, Bag of Tricks (arXiv 1812.01187), Fig. 2 (d). Maps are B, C, H, W.
"""

from typing import final

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, pad


@final
class HalvingAverage(nn.Module):
    """The mean of every 2×2 points: H becomes ceil(H / 2)."""

    def forward(self, x: Tensor) -> Tensor:
        if torch.compiler.is_exporting():  # rounding up asks whether a side is odd, which a graph for any size cannot
            return avg_pool2d(pad(x, (0, 1, 0, 1), mode="replicate"), 2, 2)
        return avg_pool2d(x, 2, 2, ceil_mode=True, count_include_pad=False)


@final
class SpreadAverage(nn.Module):
    """The mean of 2×2 points that lie `apart` rows and columns from each other, at every point: a halving whose stride
    became dilation. H stays."""

    def __init__(self, apart: int) -> None:
        super().__init__()
        self.apart = apart

    def forward(self, x: Tensor) -> Tensor:
        d = self.apart
        x = torch.cat([(x[:, :, :-d] + x[:, :, d:]) / 2, x[:, :, -d:]], dim=2)
        return torch.cat([(x[..., :-d] + x[..., d:]) / 2, x[..., -d:]], dim=3)

    def extra_repr(self) -> str:
        return f"apart={self.apart}"

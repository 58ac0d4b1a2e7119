"""The 1×1 convolution, which is a matrix product: of the pixels, one a row, and the weights."""

from typing import final

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, linear


@final
class PointwiseConv2d(nn.Conv2d):
    """A 1×1 convolution of stride 1 in one group.

    On a CPU, where the channels of a pixel lie side by side, it is handed on as the product that it is: torch's
    convolutions rearrange the weights before and their gradient after each call, which costs more than the product
    where maps are small (benchmarks/RESULTS.md). Results differ in rounding alone.
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__(in_channels, channels, 1, bias=False)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (nn.Conv2d calls it so)
        return product(input, self.weight, self.bias)


def product(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """x: B, I, h, w; weight: C, I, 1, 1; bias: C. Returns B, C, h, w."""
    if torch.compiler.is_compiling() or not _pixels_are_rows(x):
        return conv2d(x, weight, bias)
    return linear(x.permute(0, 2, 3, 1), weight.flatten(1), bias).permute(0, 3, 1, 2)


def _pixels_are_rows(x: Tensor) -> bool:
    return x.device.type == "cpu" and x.is_contiguous(memory_format=torch.channels_last)

"""Convolution, normalisation, activation: the layer that residual networks are made of."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

from torch import nn

from plusx.core.errors import InputError
from plusx.nn.atrous import AtrousConv2d
from plusx.nn.hard_swish import HardSwish
from plusx.nn.padding import PaddedConv2d, Padding
from plusx.nn.pointwise import PointwiseConv2d

Activation: TypeAlias = Callable[[], nn.Module]
"""Makes one; every layer has its own, as quantization breaks on one that is called twice."""

RELU: Final[Activation] = partial(nn.ReLU, inplace=True)
RELU6: Final[Activation] = partial(nn.ReLU6, inplace=True)
HARD_SWISH: Final[Activation] = HardSwish


@dataclass(frozen=True)
class Norm:
    """Batch normalisation (Ioffe and Szegedy 2015, arXiv 1502.03167): called with its number of channels, makes one.

    `momentum`: the share of the newest batch in the running statistics, 1 - what Keras calls momentum.
    """

    eps: float = 1e-5
    momentum: float = 0.1

    def __post_init__(self) -> None:
        if not self.eps > 0:
            raise InputError(f"eps is {self.eps}; expected more than 0, e.g. 1e-05")
        if not 0 < self.momentum <= 1:
            raise InputError(f"momentum is {self.momentum}; expected more than 0 and at most 1, e.g. 0.1")

    def __call__(self, channels: int) -> nn.BatchNorm2d:
        return nn.BatchNorm2d(channels, self.eps, self.momentum)


NORM: Final = Norm()


def named(**modules: nn.Module) -> nn.Sequential:
    """The modules one after the other, under these names."""
    return nn.Sequential(OrderedDict(modules))


def conv(
    in_channels: int,
    channels: int,
    kernel: int,
    *,
    stride: int = 1,
    dilation: int = 1,
    groups: int = 1,
    padding: Padding = "symmetric",
) -> nn.Conv2d:
    """Convolution, kernel odd, padded with zeros so that H becomes ceil(H / stride) ("end": floor); without bias."""
    if kernel == stride == groups == 1:
        return PointwiseConv2d(in_channels, channels)
    if kernel == 3 and stride == 1 and dilation > 1 and padding != "end":
        return AtrousConv2d(in_channels, channels, dilation, groups)
    if padding == "symmetric" or (stride == 1 and padding == "same") or kernel == 1:
        around = dilation * (kernel - 1) // 2
        return nn.Conv2d(in_channels, channels, kernel, stride, around, dilation, groups, bias=False)
    return PaddedConv2d(in_channels, channels, kernel, stride=stride, dilation=dilation, groups=groups, around=padding)


def with_bias(convolution: nn.Conv2d, bias: bool = True) -> nn.Conv2d:
    """The same convolution with a bias that starts at zero (`bias=False`: as it was)."""
    if bias:
        convolution.bias = nn.Parameter(convolution.weight.new_zeros(convolution.out_channels))
    return convolution


def conv_norm(convolution: nn.Conv2d, norm: Norm = NORM) -> nn.Sequential:
    """`conv` and batch normalisation (`norm`)."""
    return named(conv=convolution, norm=norm(convolution.out_channels))


def conv_norm_act(convolution: nn.Conv2d, norm: Norm = NORM, act: Activation = RELU) -> nn.Sequential:
    """`conv`, batch normalisation (`norm`) and activation (`act`)."""
    return named(conv=convolution, norm=norm(convolution.out_channels), act=act())


def norm_act(channels: int, norm: Norm = NORM) -> nn.Sequential:
    """Batch normalisation (`norm`) and ReLU (`act`): the pre-activation of He et al. 2016."""
    return named(norm=norm(channels), act=RELU())

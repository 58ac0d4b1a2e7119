"""Depthwise separable convolution: a kernel of its own over every map, then a 1×1 convolution over all of them.

Laurent Sifre: Rigid-Motion Scattering for Image Classification, 2014, section 6.2; François Chollet: Xception: Deep
Learning with Depthwise Separable Convolutions, 2017, arXiv 1610.02357, section 2. A k×k convolution from C to C' maps
takes k·k·C·C' weights, a separable one k·k·C + C·C'.
"""

from torch import nn

from plusx.nn.conv import conv, named
from plusx.nn.padding import Padding


def depthwise(
    channels: int, kernel: int = 3, *, stride: int = 1, dilation: int = 1, padding: Padding = "symmetric"
) -> nn.Conv2d:
    """A kernel × kernel convolution of every map by itself, without bias; sizes as of `conv`."""
    return conv(channels, channels, kernel, stride=stride, dilation=dilation, groups=channels, padding=padding)


def pointwise(in_channels: int, channels: int) -> nn.Conv2d:
    """A 1×1 convolution without bias."""
    return conv(in_channels, channels, 1)


def separable(
    in_channels: int,
    channels: int,
    kernel: int = 3,
    *,
    stride: int = 1,
    dilation: int = 1,
    padding: Padding = "symmetric",
) -> nn.Sequential:
    """`depthwise` and `pointwise`, with nothing between them (section 4.7 of Chollet 2017: best so)."""
    return named(
        depthwise=depthwise(in_channels, kernel, stride=stride, dilation=dilation, padding=padding),
        pointwise=pointwise(in_channels, channels),
    )

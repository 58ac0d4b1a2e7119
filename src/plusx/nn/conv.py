"""Convolution, normalisation, activation: the layer that residual networks are made of."""

from collections import OrderedDict

from torch import nn


def named(**modules: nn.Module) -> nn.Sequential:
    """The modules one after the other, under these names."""
    return nn.Sequential(OrderedDict(modules))


def conv(
    in_channels: int, channels: int, kernel: int, *, stride: int = 1, dilation: int = 1, groups: int = 1
) -> nn.Conv2d:
    """Convolution, kernel odd, padded with zeros on all sides so that H becomes ceil(H / stride); without bias."""
    padding = dilation * (kernel - 1) // 2
    return nn.Conv2d(in_channels, channels, kernel, stride, padding, dilation, groups, bias=False)


def with_bias(convolution: nn.Conv2d, bias: bool = True) -> nn.Conv2d:
    """The same convolution with a bias that starts at zero (`bias=False`: as it was)."""
    if bias:
        convolution.bias = nn.Parameter(convolution.weight.new_zeros(convolution.out_channels))
    return convolution


def conv_norm(convolution: nn.Conv2d, eps: float = 1e-5) -> nn.Sequential:
    """`conv` and batch normalisation (`norm`)."""
    return named(conv=convolution, norm=nn.BatchNorm2d(convolution.out_channels, eps))


def conv_norm_act(convolution: nn.Conv2d, eps: float = 1e-5) -> nn.Sequential:
    """`conv`, batch normalisation (`norm`) and ReLU (`act`), its own: quantization breaks on one called twice."""
    return named(conv=convolution, norm=nn.BatchNorm2d(convolution.out_channels, eps), act=nn.ReLU(inplace=True))


def norm_act(channels: int, eps: float = 1e-5) -> nn.Sequential:
    """Batch normalisation (`norm`) and ReLU (`act`): the pre-activation of He et al. 2016."""
    return named(norm=nn.BatchNorm2d(channels, eps), act=nn.ReLU(inplace=True))

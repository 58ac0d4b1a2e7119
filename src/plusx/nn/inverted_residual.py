"""The inverted residual with linear bottleneck: y = F(x) + x, where F is thin outside and wide inside.

Mark Sandler, Andrew Howard, Menglong Zhu, Andrey Zhmoginov, Liang-Chieh Chen: MobileNetV2: Inverted Residuals and
Linear Bottlenecks, 2018, arXiv 1801.04381, Table 1 and section 3.3. With squeeze-and-excitation inside: Howard et al.,
Searching for MobileNetV3, 2019, arXiv 1905.02244, Fig. 4.
"""

from dataclasses import dataclass
from typing import final

from torch import Tensor, nn

from plusx.nn.conv import RELU6, Activation, Norm, conv, conv_norm, conv_norm_act, named
from plusx.nn.padding import Padding
from plusx.nn.squeeze_excite import SqueezeExcite
from plusx.nn.strides import Step


def divisible(channels: float) -> int:
    """The nearest multiple of 8, at least 8 and at least 0.9 × `channels`.

    _make_divisible in research/slim/nets/mobilenet/mobilenet.py of github.com/tensorflow/models, which torchvision,
    timm and Keras follow.
    """
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * channels else nearest


@dataclass(frozen=True)
class Bottleneck:
    """A block's shape: in_channels → expanded → channels. `squeezed`: of squeeze-and-excitation; 0 without."""

    in_channels: int
    expanded: int
    channels: int
    kernel: int = 3
    squeezed: int = 0
    act: Activation = RELU6


@final
class InvertedResidual(nn.Module):
    """y = F(x) + x; nothing follows the sum. F gives a fresh map, into which x is added."""

    def __init__(self, F: nn.Module) -> None:
        super().__init__()
        self.F = F

    def forward(self, x: Tensor) -> Tensor:
        y = self.F(x)
        y += x
        return y


def inverted_residual(
    shape: Bottleneck, step: Step, *, stride: int, norm: Norm, padding: Padding = "symmetric"
) -> nn.Module:
    """F, with the sum where stride (before it is traded for dilation) and channels leave the shape as it was.

    `padding`: of the depthwise convolution.
    """
    F = expand_depthwise_project(shape, step, norm, padding)
    return InvertedResidual(F) if stride == 1 and shape.in_channels == shape.channels else named(F=F)


def expand_depthwise_project(shape: Bottleneck, step: Step, norm: Norm, padding: Padding) -> nn.Sequential:
    """`expand` 1×1 (left out where nothing grows), `depthwise`, `squeeze_excite` where asked for, `project` 1×1."""
    layers: dict[str, nn.Module] = {}
    inner, kernel = shape.expanded, shape.kernel
    if inner != shape.in_channels:
        layers["expand"] = conv_norm_act(conv(shape.in_channels, inner, 1), norm, shape.act)
    middle = conv(inner, inner, kernel, stride=step.stride, dilation=step.dilation, groups=inner, padding=padding)
    layers["depthwise"] = conv_norm_act(middle, norm, shape.act)
    if shape.squeezed:
        layers["squeeze_excite"] = SqueezeExcite(inner, shape.squeezed, gate=nn.Hardsigmoid)
    layers["project"] = conv_norm(conv(inner, shape.channels, 1), norm)
    return named(**layers)

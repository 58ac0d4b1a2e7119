"""ResNet-D: y = F(x) + W_s mean(x), and conv1 of three 3×3.

Tong He, Zhi Zhang, Hang Zhang, Zhongyue Zhang, Junyuan Xie, Mu Li: Bag of Tricks for Image Classification with
Convolutional Neural Networks, 2018, arXiv 1812.01187, section 4.1 and Fig. 2. (b) the stride on the 3×3, as in
resnet.py; (c) the deep stem; (d) where a shortcut halves the map, the 1×1 of stride 2, which never sees three quarters
of it, becomes a 2×2 average pooling of stride 2 and a 1×1 of stride 1.
"""

from dataclasses import replace
from functools import partial

from torch import nn

from plusx.backbones.resnet import BASIC, BOTTLENECK, ResNet, ResNetConfig, residual
from plusx.backbones.variant import VARIANTS, Variant
from plusx.nn.conv import conv, conv_norm_act, named, with_bias
from plusx.nn.pooling import average_rounded_up
from plusx.nn.strides import Step


def deep(in_channels: int, stride: int, config: ResNetConfig) -> nn.Sequential:
    """conv1 of Fig. 2 (c): three 3×3, the first of the stride, the first two of half the maps."""
    half, width = config.width // 2, config.width
    convolutions = (conv(in_channels, half, 3, stride=stride), conv(half, half, 3), conv(half, width, 3))
    layers = [conv_norm_act(with_bias(convolution, config.bias), config.norm) for convolution in convolutions]
    return named(**{f"layer{number}": layer for number, layer in enumerate(layers, 1)})


def averaged(in_channels: int, channels: int, step: Step, config: ResNetConfig) -> nn.Sequential:
    """W_s mean(x) of Fig. 2 (d); without a mean where the grid stays."""
    W_s = with_bias(conv(in_channels, channels, 1), config.bias)
    return named(pool=average_rounded_up(step), conv=W_s, norm=config.norm(channels))


BASIC_D = replace(BASIC, wire=partial(residual, W_s=averaged))
BOTTLENECK_D = replace(BOTTLENECK, wire=partial(residual, W_s=averaged))

TABLE = {
    "resnet18_d": (BASIC_D, ResNetConfig((2, 2, 2, 2))),
    "resnet26_d": (BOTTLENECK_D, ResNetConfig((2, 2, 2, 2))),
    "resnet34_d": (BASIC_D, ResNetConfig((3, 4, 6, 3))),
    "resnet50_d": (BOTTLENECK_D, ResNetConfig((3, 4, 6, 3))),
    "resnet101_d": (BOTTLENECK_D, ResNetConfig((3, 4, 23, 3))),
    "resnet152_d": (BOTTLENECK_D, ResNetConfig((3, 8, 36, 3))),
    "resnet200_d": (BOTTLENECK_D, ResNetConfig((3, 24, 36, 3))),
}

for _name, (_unit, _config) in TABLE.items():
    VARIANTS.register(_name)(Variant(partial(ResNet, _unit, stem=deep), _config))

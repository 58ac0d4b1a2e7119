"""SE-ResNet and SE-ResNeXt: y = s · F(x) + x, every map of F scaled by a factor s that the means of all maps decide.

Jie Hu, Li Shen, Samuel Albanie, Gang Sun, Enhua Wu: Squeeze-and-Excitation Networks, 2017, arXiv 1709.01507. Fig. 3:
the scaling stands after the last normalisation of F, before the sum; s = σ(W_2 ReLU(W_1 z)) (eq. 3), W_1 to a sixteenth
of the maps. Table 1 for the networks.
"""

from dataclasses import replace
from functools import partial
from typing import Final

from torch import nn

from plusx.backbones.resnet import BOTTLENECK, ResNet, ResNetConfig, Unit
from plusx.backbones.resnext import aggregated
from plusx.backbones.variant import VARIANTS, Variant
from plusx.nn.squeeze_excite import SqueezeExcite
from plusx.nn.strides import Step

r: Final = 16  # the reduction ratio; section 6.1 (Table 10) tries others


def excited(unit: Unit) -> Unit:
    """The same unit with `se` as the last layer of F."""

    def F(in_channels: int, width: int, step: Step, config: ResNetConfig) -> nn.Sequential:
        layers, channels = unit.F(in_channels, width, step, config), unit.expansion * width
        layers.add_module("se", SqueezeExcite(channels, max(channels // r, 1)))
        return layers

    return replace(unit, F=F)


TABLE = {
    "se_resnet50": (excited(BOTTLENECK), ResNetConfig((3, 4, 6, 3))),
    "se_resnet101": (excited(BOTTLENECK), ResNetConfig((3, 4, 23, 3))),
    "se_resnet152": (excited(BOTTLENECK), ResNetConfig((3, 8, 36, 3))),
    "se_resnext50_32x4d": (excited(aggregated(C=32, d=4)), ResNetConfig((3, 4, 6, 3))),
    "se_resnext101_32x4d": (excited(aggregated(C=32, d=4)), ResNetConfig((3, 4, 23, 3))),
    "se_resnext101_32x8d": (excited(aggregated(C=32, d=8)), ResNetConfig((3, 4, 23, 3))),
    "se_resnext101_64x4d": (excited(aggregated(C=64, d=4)), ResNetConfig((3, 4, 23, 3))),
}

for _name, (_unit, _config) in TABLE.items():
    VARIANTS.register(_name)(Variant(partial(ResNet, _unit), _config))

"""ResNeXt: y = x + Σ T_i(x), i = 1..C.

Saining Xie, Ross Girshick, Piotr Dollár, Zhuowen Tu, Kaiming He: Aggregated Residual Transformations for Deep Neural
Networks, 2016, arXiv 1611.05431. Eq. 3; built in the form of Fig. 3 (c): C transformations of d maps each are one
convolution of C·d maps in C groups.
"""

from functools import partial

from plusx.backbones.resnet import ResNet, ResNetConfig, Unit, bottleneck, residual
from plusx.backbones.variant import VARIANTS, Variant


def aggregated(C: int, d: int) -> Unit:
    """Cardinality C and bottleneck width d, both as in conv2 (Table 1 of the paper), where ResNet's 3×3 has 64 maps."""
    return Unit(partial(bottleneck, widen=C * d // 64, groups=C), 4, residual)


TABLE = {
    "resnext50_32x4d": (aggregated(C=32, d=4), ResNetConfig((3, 4, 6, 3))),
    "resnext101_32x8d": (aggregated(C=32, d=8), ResNetConfig((3, 4, 23, 3))),
    "resnext101_64x4d": (aggregated(C=64, d=4), ResNetConfig((3, 4, 23, 3))),
}

for _name, (_unit, _config) in TABLE.items():
    VARIANTS.register(_name)(Variant(partial(ResNet, _unit), _config))

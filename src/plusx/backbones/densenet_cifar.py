"""DenseNet-BC for CIFAR: three dense blocks behind a 3×3 convolution.

Gao Huang, Zhuang Liu, Laurens van der Maaten, Kilian Weinberger: Densely Connected Convolutional Networks, 2016, arXiv
1608.06993, section 3 (implementation details) and Table 2: L layers with growth rate k on grids of 32, 16 and 8; 2k
maps from a bare first convolution; L = 6n + 4, a bottleneck and a 3×3 in each of n layers a block.
"""

from dataclasses import dataclass
from typing import final

from plusx.backbones.densenet import Growth, dense_stages
from plusx.backbones.variant import VARIANTS, Variant, at_least
from plusx.core.backbone import Backbone
from plusx.core.stage import Stage
from plusx.nn.conv import Norm, conv, named
from plusx.nn.init import kaiming_fan_out_
from plusx.nn.strides import Strides


@dataclass(frozen=True)
class CifarDenseNetConfig:
    """What a variant or a set of weights may change."""

    n: int  # layers a block
    k: int  # growth rate; conv1 makes 2k maps
    theta: float = 0.5  # compression
    eps: float = 1e-5  # of normalisation
    momentum: float = 0.1  # of its running statistics: the newest batch's share
    memory_efficient: bool = False  # less memory in training for a little more time

    @property
    def growth(self) -> Growth:
        return Growth(self.k, self.theta, Norm(self.eps, self.momentum), self.memory_efficient)

    def __post_init__(self) -> None:
        at_least(1, n=self.n)


@final
class CifarDenseNet(Backbone):
    """conv1 3×3; dense1, dense2, dense3 of stride 1, 2, 4: any output stride is kept by itself."""

    def __init__(self, config: CifarDenseNetConfig, in_channels: int, output_stride: int) -> None:
        super().__init__()
        strides, growth, channels = Strides(output_stride), config.growth, 2 * config.k
        self.conv1 = named(conv=conv(in_channels, channels, 3))
        stages = [Stage("conv1", channels, strides.reached)]
        for stage, module in dense_stages(channels, (config.n,) * 3, growth=growth, strides=strides, before={}):
            stages.append(stage)
            self.add_module(stage.name, module)
        self.stages = tuple(stages)
        kaiming_fan_out_(self)


TABLE_2 = {
    "densenet_bc100_12": CifarDenseNetConfig(n=16, k=12),
    "densenet_bc250_24": CifarDenseNetConfig(n=41, k=24),
    "densenet_bc190_40": CifarDenseNetConfig(n=31, k=40),
}

for _name, _config in TABLE_2.items():
    VARIANTS.register(_name)(Variant(CifarDenseNet, _config))

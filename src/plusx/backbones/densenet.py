"""DenseNet: x_l = H_l([x_0, x_1, ..., x_{l-1}]).

Gao Huang, Zhuang Liu, Laurens van der Maaten, Kilian Weinberger: Densely Connected Convolutional Networks, 2016, arXiv
1608.06993. Eq. 2 for the formula, section 3 for H, the growth rate k, bottlenecks (B) and compression (C), Table 1 for
the ImageNet networks (DenseNet-161 is in its earlier versions). Recomputation: Pleiss et al., Memory-Efficient
Implementation of DenseNets, 2017, arXiv 1707.06990.
"""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn

from plusx.backbones.variant import VARIANTS, Variant, at_least
from plusx.core.backbone import Backbone
from plusx.core.errors import InputError
from plusx.core.recompute import recomputed
from plusx.core.stage import Stage
from plusx.nn.conv import RELU, Norm, conv, conv_norm_act, named, norm_act
from plusx.nn.init import kaiming_fan_out_
from plusx.nn.pooling import average_rounded_down
from plusx.nn.strides import Step, Strides


@dataclass(frozen=True)
class Growth:
    """How blocks and transitions are built. Raises InputError unless k ≥ 1 and 0 < θ ≤ 1.

    `k`: maps that every layer adds. `theta`: the share of the maps that a transition keeps. `memory_efficient`: in
    training, concatenations and what is normalised from them are computed twice instead of kept, so that memory grows
    with the number of layers and no longer with its square. In a compiled network the compiler chooses what it keeps.
    """

    k: int
    theta: float
    norm: Norm
    memory_efficient: bool

    def __post_init__(self) -> None:
        at_least(1, k=self.k)
        if not 0 < self.theta <= 1:
            raise InputError(f"theta is {self.theta}; expected a number above 0, and 1 at the most, e.g. 0.5")


@dataclass(frozen=True)
class DenseNetConfig:
    """What a variant or a set of weights may change."""

    depths: tuple[int, ...]  # layers in dense1, dense2, ...: a column of Table 1
    k: int = 32  # growth rate; conv1 makes 2k maps
    theta: float = 0.5  # compression
    eps: float = 1e-5  # of normalisation
    momentum: float = 0.1  # of its running statistics: the newest batch's share
    memory_efficient: bool = False  # less memory in training for a little more time
    small_input: bool = False  # for images of about 32 pixels: conv1 is 3×3 of stride 1, dense1 has no pool

    @property
    def growth(self) -> Growth:
        return Growth(self.k, self.theta, Norm(self.eps, self.momentum), self.memory_efficient)

    def __post_init__(self) -> None:
        at_least(1, depths=min(self.depths, default=0))


@final
class Bottleneck(nn.Module):
    """[x_0, x_1, ...] in one, normalised, ReLU; a 1×1 convolution to 4k maps."""

    def __init__(self, in_channels: int, growth: Growth) -> None:
        super().__init__()
        self.norm = growth.norm(in_channels)
        self.act = RELU()
        self.conv = conv(in_channels, 4 * growth.k, 1)

    def forward(self, *maps: Tensor) -> Tensor:
        return self.conv(self.act(self.norm(torch.cat(maps, dim=1))))


@final
class DenseLayer(nn.Module):
    """H of section 3: `bottleneck`; then normalisation, ReLU and a 3×3 convolution to k maps, `growth`."""

    def __init__(self, in_channels: int, step: Step, growth: Growth) -> None:
        super().__init__()
        self.bottleneck = Bottleneck(in_channels, growth)
        conv2 = conv(4 * growth.k, growth.k, 3, dilation=step.dilation_after)
        self.growth = named(norm=growth.norm(4 * growth.k), act=RELU(), conv=conv2)
        self.memory_efficient = growth.memory_efficient

    def forward(self, maps: list[Tensor]) -> Tensor:
        """maps: the block's input (B, C, H, W) and those of all layers before (B, k, H, W). Returns B, k, H, W."""
        if self.memory_efficient and self.training:
            return self.growth(recomputed(self.bottleneck, *maps))
        return self.growth(self.bottleneck(*maps))


@final
class DenseBlock(nn.Module):
    """`layer1`, `layer2`, ...: each sees the block's input and what all before it added. Returns all of that in one.

    Every layer concatenates for itself. One map that grows would be copied as often, is no quicker in training (up to a
    tenth slower on a CPU), and `memory_efficient` could not do without it.
    """

    def __init__(self, channels: int, layers: int, step: Step, growth: Growth) -> None:
        super().__init__()
        for number in range(layers):
            self.add_module(f"layer{number + 1}", DenseLayer(channels + number * growth.k, step, growth))

    def forward(self, x: Tensor) -> Tensor:
        maps = [x]
        for layer in self.children():
            maps.append(layer(maps))
        return torch.cat(maps, dim=1)


def transition(in_channels: int, channels: int, step: Step, norm: Norm) -> nn.Sequential:
    """Normalisation, ReLU, 2×2 average pooling, 1×1 convolution to `channels` maps.

    The paper has the convolution before the pooling. Both are linear, one over maps and the other over points, so that
    their order does not change the result; this one takes a quarter of the products.
    """
    conv1 = conv(in_channels, channels, 1)
    return named(norm=norm(in_channels), act=RELU(), pool=average_rounded_down(step), conv=conv1)


def dense_stages(
    channels: int, depths: tuple[int, ...], *, growth: Growth, strides: Strides, before: dict[str, nn.Module]
) -> list[tuple[Stage, nn.Sequential]]:
    """dense1, dense2, ... behind `channels` maps: a block of `depths` layers each, as its module `block`.

    dense1 begins with the modules `before`, the others with their `transition`; the last ends with `final`:
    normalisation and ReLU. The maps of those before it are concatenations, not yet normalised.
    """
    stages = []
    step = strides.take(1)
    for number, layers in enumerate(depths, 1):
        if number > 1:
            step, kept = strides.take(2), int(growth.theta * channels)
            at_least(1, **{"maps that theta keeps": kept})
            before = {"transition": transition(channels, kept, step, growth.norm)}
            channels = kept
        block = DenseBlock(channels, layers, step, growth)
        channels += layers * growth.k
        after = {"final": norm_act(channels, growth.norm)} if number == len(depths) else {}
        stages.append((Stage(f"dense{number}", channels, strides.reached), named(**before, block=block, **after)))
    return stages


@final
class DenseNet(Backbone):
    """Table 1: conv1 7×7 of stride 2; dense1 begins with a 3×3 max pool of stride 2; see `dense_stages`."""

    def __init__(self, config: DenseNetConfig, in_channels: int, output_stride: int) -> None:
        super().__init__()
        strides, growth = Strides(output_stride, left_out=2 if config.small_input else 0), config.growth
        channels = 2 * config.k
        conv1 = conv(in_channels, channels, 3 if config.small_input else 7, stride=strides.take(2).stride)
        self.conv1 = conv_norm_act(conv1, growth.norm)
        stages = [Stage("conv1", channels, strides.reached)]
        pool = nn.MaxPool2d(3, strides.take(2).stride, padding=1)
        before: dict[str, nn.Module] = {} if config.small_input else {"pool": pool}
        for stage, module in dense_stages(channels, config.depths, growth=growth, strides=strides, before=before):
            stages.append(stage)
            self.add_module(stage.name, module)
        self.stages = tuple(stages)
        kaiming_fan_out_(self)


TABLE_1 = {
    "densenet121": DenseNetConfig((6, 12, 24, 16)),
    "densenet161": DenseNetConfig((6, 12, 36, 24), k=48),
    "densenet169": DenseNetConfig((6, 12, 32, 32)),
    "densenet201": DenseNetConfig((6, 12, 48, 32)),
}

for _name, _config in TABLE_1.items():
    VARIANTS.register(_name)(Variant(DenseNet, _config))

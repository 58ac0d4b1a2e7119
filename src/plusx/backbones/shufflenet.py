"""ShuffleNet: grouped 1×1 convolutions, with a channel shuffle between them.

Xiangyu Zhang, Xinyu Zhou, Mengxiao Lin, Jian Sun: ShuffleNet: An Extremely Efficient Convolutional Neural Network for
Mobile Devices, 2017, arXiv 1707.01083. Fig. 2 (b) for y = F(x) + x, Fig. 2 (c) for the unit of stride 2,
y = [pool(x), F(x)]; Table 1 for the networks, section 3.3 for their scaled forms. A unit between c and m maps takes
2·c·m/g + 9·m multiply-adds a point (section 3.2): at one cost, g groups allow more maps.
"""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from plusx.backbones.variant import VARIANTS, Variant, at_least
from plusx.core.backbone import Backbone
from plusx.core.errors import InputError
from plusx.core.stage import Stage
from plusx.nn.channel_shuffle import ChannelShuffle
from plusx.nn.conv import Norm, conv, conv_norm, conv_norm_act, named
from plusx.nn.init import kaiming_fan_out_, zero_residual_
from plusx.nn.residual import Residual
from plusx.nn.separable import depthwise
from plusx.nn.strides import Step, Strides


@dataclass(frozen=True)
class ShuffleNetConfig:
    """What a variant or a set of weights may change."""

    groups: int  # g of the 1×1 convolutions
    width: int  # maps of stage2; doubled in stage3 and again in stage4
    stem: int = 24  # maps of conv1
    depths: tuple[int, ...] = (4, 8, 4)  # units of stage2, stage3, stage4
    eps: float = 1e-5  # of normalisation
    momentum: float = 0.1  # of its running statistics: the newest batch's share
    zero_init_residual: bool = False  # every F(x) that is added begins as 0
    small_input: bool = False  # for images of about 32 pixels: conv1 has stride 1, stage2 no pool

    @property
    def norm(self) -> Norm:
        return Norm(self.eps, self.momentum)

    def __post_init__(self) -> None:
        at_least(1, groups=self.groups, stem=self.stem, depths=min(self.depths, default=0))
        at_least(max(4 * self.groups, self.stem + self.groups), width=self.width)
        for key in ("width", "stem"):
            if getattr(self, key) % self.groups:
                raise InputError(f"{key} is {getattr(self, key)}; expected a multiple of groups, {self.groups}")


@final
class Concatenated(nn.Module):
    """y = act([shortcut(x), F(x)]): instead of the sum, the maps of both (Fig. 2 c)."""

    def __init__(self, F: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.F = F
        self.shortcut = shortcut
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(torch.cat((self.shortcut(x), self.F(x)), dim=1))


@final
class DilatedAverage(nn.Module):
    """The mean of 3×3 points that lie `dilation` apart; those outside count as zeros, as nn.AvgPool2d has it."""

    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation

    def forward(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        ones = x.new_ones(channels, 1, 3, 3)
        return conv2d(x, ones, padding=self.dilation, dilation=self.dilation, groups=channels) / 9

    def extra_repr(self) -> str:
        return f"dilation={self.dilation}"


def average_pool(step: Step) -> nn.Module:
    """3×3 means; `step`: what became of the stride of 2."""
    return nn.AvgPool2d(3, step.stride, padding=1) if step.dilation == 1 else DilatedAverage(step.dilation)


def bottleneck(
    in_channels: int, channels: int, inner: int, step: Step, config: ShuffleNetConfig, *, groups_in: int
) -> nn.Sequential:
    """F: 1×1 to `inner` maps in `groups_in` groups, shuffle, 3×3 of every map by itself, 1×1 to `channels`."""
    g, norm = config.groups, config.norm
    shuffle = {"shuffle": ChannelShuffle(g)} if g > 1 else {}
    conv2 = depthwise(inner, stride=step.stride, dilation=step.dilation)
    return named(
        layer1=conv_norm_act(conv(in_channels, inner, 1, groups=groups_in), norm),
        **shuffle,
        layer2=conv_norm(conv2, norm),
        layer3=conv_norm(conv(inner, channels, 1, groups=g), norm),
    )


def stack(in_channels: int, channels: int, steps: list[Step], config: ShuffleNetConfig) -> dict[str, nn.Module]:
    """unit1 of stride 2, then units whose sum keeps the shape. A quarter of the maps, in whole groups, is inside."""
    g = config.groups
    inner = channels // 4 // g * g
    first = 1 if in_channels == config.stem else g  # too few maps yet for groups: Table 1, caption
    F = bottleneck(in_channels, channels - in_channels, inner, steps[0], config, groups_in=first)
    units: dict[str, nn.Module] = {"unit1": Concatenated(F, shortcut=average_pool(steps[0]))}
    for number, step in enumerate(steps[1:], 2):
        F = bottleneck(channels, channels, inner, step, config, groups_in=g)
        units[f"unit{number}"] = Residual(F, shortcut=nn.Identity())
    return units


@final
class ShuffleNet(Backbone):
    """Table 1: conv1 3×3 of stride 2; stage2 begins with a 3×3 max pool; every stage's first unit has stride 2."""

    def __init__(self, config: ShuffleNetConfig, in_channels: int, output_stride: int) -> None:
        super().__init__()
        strides = Strides(output_stride, left_out=2 if config.small_input else 0)
        channels = config.stem
        self.conv1 = conv_norm_act(conv(in_channels, channels, 3, stride=strides.take(2).stride), config.norm)
        stages = [Stage("conv1", channels, strides.reached)]
        pool = nn.MaxPool2d(3, strides.take(2).stride, padding=1)
        before: dict[str, nn.Module] = {} if config.small_input else {"pool": pool}
        for i, depth in enumerate(config.depths):
            width = config.width * 2**i
            steps = [strides.take(2 if unit == 0 else 1) for unit in range(depth)]
            units = stack(channels, width, steps, config)
            channels = width
            stages.append(Stage(f"stage{i + 2}", channels, strides.reached))
            self.add_module(f"stage{i + 2}", named(**before, **units))
            before = {}
        self.stages = tuple(stages)
        kaiming_fan_out_(self)
        if config.zero_init_residual:
            zero_residual_(self)


# Table 1 and section 3.3: groups, maps of stage2, maps of conv1. The paper scales "the number of filters" and says no
# more of conv1: its maps are those that give the multiply-adds of Tables 2 and 5, in whole groups.
TABLE = {
    "shufflenet_v1_g1_100": ShuffleNetConfig(1, 144),
    "shufflenet_v1_g2_100": ShuffleNetConfig(2, 200),
    "shufflenet_v1_g3_100": ShuffleNetConfig(3, 240),
    "shufflenet_v1_g4_100": ShuffleNetConfig(4, 272),
    "shufflenet_v1_g8_100": ShuffleNetConfig(8, 384),
    "shufflenet_v1_g1_050": ShuffleNetConfig(1, 72, stem=12),
    "shufflenet_v1_g2_050": ShuffleNetConfig(2, 100, stem=12),
    "shufflenet_v1_g3_050": ShuffleNetConfig(3, 120, stem=12),
    "shufflenet_v1_g4_050": ShuffleNetConfig(4, 136, stem=12),
    "shufflenet_v1_g8_050": ShuffleNetConfig(8, 192, stem=16),
    "shufflenet_v1_g1_025": ShuffleNetConfig(1, 36, stem=12),
    "shufflenet_v1_g2_025": ShuffleNetConfig(2, 50, stem=12),
    "shufflenet_v1_g3_025": ShuffleNetConfig(3, 60, stem=12),
    "shufflenet_v1_g4_025": ShuffleNetConfig(4, 68, stem=12),
    "shufflenet_v1_g8_025": ShuffleNetConfig(8, 96, stem=8),
    "shufflenet_v1_g3_150": ShuffleNetConfig(3, 360),
    "shufflenet_v1_g3_200": ShuffleNetConfig(3, 480, stem=48),
}

for _name, _config in TABLE.items():
    VARIANTS.register(_name)(Variant(ShuffleNet, _config))

"""ShuffleNet V2: y = shuffle([x', F(x'')]), where x' and x'' are the two halves of x's maps.

Ningning Ma, Xiangyu Zhang, Hai-Tao Zheng, Jian Sun: ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture
Design, 2018, arXiv 1807.11164. Fig. 3 (c) and (d) for the two units, Table 5 for the networks. After section 2, what
counts is time and not multiply-adds: layers as wide at their end as at their beginning, no grouped 1×1 convolutions,
few branches, few operations on single points. Half of the maps pass a unit untouched.
"""

from dataclasses import dataclass
from typing import final

from torch import Tensor, nn

from plusx.backbones.variant import VARIANTS, Variant, at_least
from plusx.core.backbone import Backbone
from plusx.core.errors import InputError
from plusx.core.stage import Stage
from plusx.nn.channel_shuffle import interleaved
from plusx.nn.conv import Norm, conv, conv_norm, conv_norm_act, named
from plusx.nn.init import kaiming_fan_out_
from plusx.nn.separable import depthwise
from plusx.nn.strides import Step, Strides


@dataclass(frozen=True)
class ShuffleNetV2Config:
    """What a variant or a set of weights may change."""

    width: int  # maps of stage2; doubled in stage3 and again in stage4
    last: int = 1024  # maps of conv5
    stem: int = 24  # maps of conv1
    depths: tuple[int, ...] = (4, 8, 4)  # units of stage2, stage3, stage4
    eps: float = 1e-5  # of normalisation
    momentum: float = 0.1  # of its running statistics: the newest batch's share
    small_input: bool = False  # for images of about 32 pixels: conv1 has stride 1, stage2 no pool

    @property
    def norm(self) -> Norm:
        return Norm(self.eps, self.momentum)

    def __post_init__(self) -> None:
        at_least(2, width=self.width)
        at_least(1, last=self.last, stem=self.stem, depths=min(self.depths, default=0))
        if self.width % 2:
            raise InputError(f"width is {self.width}; expected an even number: the units halve it")


@final
class SplitUnit(nn.Module):
    """y = shuffle([x', F(x'')]) (Fig. 3 c): even maps of y are the first half of x, odd ones F of the second."""

    def __init__(self, F: nn.Module) -> None:
        super().__init__()
        self.F = F

    def forward(self, x: Tensor) -> Tensor:
        kept, changed = x.chunk(2, dim=1)
        return interleaved(kept, self.F(changed))


@final
class DownsamplingUnit(nn.Module):
    """y = shuffle([shortcut(x), F(x)]) (Fig. 3 d): all maps take both ways, and their number doubles."""

    def __init__(self, F: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.F = F
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        return interleaved(self.shortcut(x), self.F(x))


def branch(in_channels: int, channels: int, step: Step, norm: Norm) -> nn.Sequential:
    """F: 1×1, 3×3 of every map by itself, 1×1."""
    conv2 = depthwise(channels, stride=step.stride, dilation=step.dilation)
    return named(
        layer1=conv_norm_act(conv(in_channels, channels, 1), norm),
        layer2=conv_norm(conv2, norm),
        layer3=conv_norm_act(conv(channels, channels, 1), norm),
    )


def downsampling_shortcut(in_channels: int, channels: int, step: Step, norm: Norm) -> nn.Sequential:
    """3×3 of every map by itself, 1×1."""
    conv1 = depthwise(in_channels, stride=step.stride, dilation=step.dilation)
    return named(layer1=conv_norm(conv1, norm), layer2=conv_norm_act(conv(in_channels, channels, 1), norm))


def stack(in_channels: int, channels: int, steps: list[Step], norm: Norm) -> dict[str, nn.Module]:
    """unit1 of stride 2 from `in_channels` maps to `channels`, then one unit for each further step."""
    half = channels // 2
    F = branch(in_channels, half, steps[0], norm)
    shortcut = downsampling_shortcut(in_channels, half, steps[0], norm)
    units: dict[str, nn.Module] = {"unit1": DownsamplingUnit(F, shortcut)}
    for number, step in enumerate(steps[1:], 2):
        units[f"unit{number}"] = SplitUnit(branch(half, half, step, norm))
    return units


@final
class ShuffleNetV2(Backbone):
    """Table 5: conv1 3×3 of stride 2; stage2 begins with a 3×3 max pool; three stages; conv5 1×1."""

    def __init__(self, config: ShuffleNetV2Config, in_channels: int, output_stride: int) -> None:
        super().__init__()
        strides, norm = Strides(output_stride, left_out=2 if config.small_input else 0), config.norm
        channels = config.stem
        self.conv1 = conv_norm_act(conv(in_channels, channels, 3, stride=strides.take(2).stride), norm)
        stages = [Stage("conv1", channels, strides.reached)]
        pool = nn.MaxPool2d(3, strides.take(2).stride, padding=1)
        before: dict[str, nn.Module] = {} if config.small_input else {"pool": pool}
        for i, depth in enumerate(config.depths):
            width = config.width * 2**i
            steps = [strides.take(2 if unit == 0 else 1) for unit in range(depth)]
            units = stack(channels, width, steps, norm)
            channels = width
            stages.append(Stage(f"stage{i + 2}", channels, strides.reached))
            self.add_module(f"stage{i + 2}", named(**before, **units))
            before = {}
        self.conv5 = conv_norm_act(conv(channels, config.last, 1), norm)
        self.stages = (*stages, Stage("conv5", config.last, strides.reached))
        kaiming_fan_out_(self)


TABLE_5 = {
    "shufflenet_v2_x0_5": ShuffleNetV2Config(48),
    "shufflenet_v2_x1_0": ShuffleNetV2Config(116),
    "shufflenet_v2_x1_5": ShuffleNetV2Config(176),
    "shufflenet_v2_x2_0": ShuffleNetV2Config(244, last=2048),
}

for _name, _config in TABLE_5.items():
    VARIANTS.register(_name)(Variant(ShuffleNetV2, _config))

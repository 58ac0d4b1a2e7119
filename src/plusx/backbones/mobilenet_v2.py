"""MobileNetV2: y = F(x) + x, where x is thin, F wide inside, and nothing bends the line between the blocks.

Mark Sandler, Andrew Howard, Menglong Zhu, Andrey Zhmoginov, Liang-Chieh Chen: MobileNetV2: Inverted Residuals and
Linear Bottlenecks, 2018, arXiv 1801.04381. Table 1: the block; Table 2: the network; section 6.1: the last convolution
grows with the width multiplier but does not shrink with it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias, final

from torch import nn

from plusx.backbones.variant import VARIANTS, Variant, at_least, one_of
from plusx.core.backbone import Backbone
from plusx.core.errors import InputError
from plusx.core.stage import Stage
from plusx.nn.conv import RELU6, Norm, conv, conv_norm_act, named
from plusx.nn.init import kaiming_fan_out_
from plusx.nn.inverted_residual import Bottleneck, divisible, inverted_residual
from plusx.nn.padding import PADDINGS, Padding
from plusx.nn.strides import Strides

TABLE_2 = (  # a stage a line; t: times the maps go wide; c: maps given
    ((1, 16),),
    ((6, 24),),
    ((6, 32),),
    ((6, 64), (6, 96)),
    ((6, 160), (6, 320)),
)


@dataclass(frozen=True)
class MobileNetV2Config:
    """What a variant or a set of weights may change."""

    width: float = 1.0  # times the maps of every layer, rounded by `divisible`
    depths: tuple[int, ...] = (1, 2, 3, 4, 3, 3, 1)  # n of Table 2: blocks in each of its lines
    fixed_ends: bool = False  # the first and the last convolution have 32 and 1280 maps whatever the width
    padding: Padding = "symmetric"  # of convolutions that halve the map; "same" as in Keras
    eps: float = 1e-5  # of normalisation
    momentum: float = 0.1  # of its running statistics: the newest batch's share
    small_input: bool = False  # for images of about 32 pixels: the first two halvings are left out

    @property
    def norm(self) -> Norm:
        return Norm(self.eps, self.momentum)

    @property
    def ends(self) -> tuple[int, int]:
        """Maps of the first and of the last convolution."""
        if self.fixed_ends:
            return 32, 1280
        return divisible(32 * self.width), divisible(1280 * max(1.0, self.width))

    def __post_init__(self) -> None:
        one_of(PADDINGS, padding=self.padding)
        at_least(1, depths=min(self.depths, default=0))
        if len(self.depths) != sum(map(len, TABLE_2)):
            raise InputError(f"depths is {self.depths}; expected 7 numbers of blocks, one for each line of Table 2")
        if self.width <= 0:
            raise InputError(f"width is {self.width}; expected more than 0, e.g. 0.5")


def shapes(config: MobileNetV2Config) -> Iterator[list[Bottleneck]]:
    """The blocks of each stage."""
    channels, depths = config.ends[0], iter(config.depths)
    for lines in TABLE_2:
        blocks: list[Bottleneck] = []
        for t, c in lines:
            given = divisible(c * config.width)
            for _ in range(next(depths)):
                blocks.append(Bottleneck(channels, t * channels, given))
                channels = given
        yield blocks


Blocks: TypeAlias = list[list[tuple[Bottleneck, int]]]
"""Stage by stage the blocks' shapes and strides."""


def halving(shapes: Sequence[Sequence[Bottleneck]]) -> Blocks:
    """The first block of every stage from conv2 on has stride 2."""
    return [
        [(shape, 2 if number and not index else 1) for index, shape in enumerate(blocks)]
        for number, blocks in enumerate(shapes)
    ]


def stages(
    ends: tuple[nn.Module, nn.Module],
    shapes: Blocks,
    *,
    channels: tuple[int, int],
    strides: Strides,
    norm: Norm,
    padding: Padding,
) -> Iterator[tuple[Stage, nn.Sequential]]:
    """conv1 to conv5: `stem`, blocks, `last`. channels: the ends'."""
    given = channels[0]
    for number, blocks in enumerate(shapes, 1):
        parts = {"stem": ends[0]} if number == 1 else {}
        for index, (shape, stride) in enumerate(blocks, 1):
            parts[f"block{index}"] = inverted_residual(
                shape, strides.take(stride), stride=stride, norm=norm, padding=padding
            )
            given = shape.channels
        if number == len(shapes):
            parts, given = {**parts, "last": ends[1]}, channels[1]
        yield Stage(f"conv{number}", given, strides.reached), named(**parts)


@final
class MobileNetV2(Backbone):
    """Table 2: a stage ends where the map is halved next. conv1 begins with a full 3×3 (`stem`), conv5 ends with a 1×1
    to 1280 maps (`last`)."""

    def __init__(self, config: MobileNetV2Config, in_channels: int, output_stride: int) -> None:
        super().__init__()
        strides = Strides(output_stride, left_out=2 if config.small_input else 0)
        blocks, (first, last), norm = list(shapes(config)), config.ends, config.norm
        conv1 = conv(in_channels, first, 3, stride=strides.take(2).stride, padding=config.padding)
        stem = conv_norm_act(conv1, norm, RELU6)
        end = conv_norm_act(conv(blocks[-1][-1].channels, last, 1), norm, RELU6)
        padding, channels = config.padding, (first, last)
        built = list(
            stages((stem, end), halving(blocks), channels=channels, strides=strides, norm=norm, padding=padding)
        )
        self.stages = tuple(stage for stage, _ in built)
        for stage, module in built:
            self.add_module(stage.name, module)
        kaiming_fan_out_(self)


TABLE_4 = {
    "mobilenet_v2_035": MobileNetV2Config(width=0.35),
    "mobilenet_v2_050": MobileNetV2Config(width=0.5),
    "mobilenet_v2_075": MobileNetV2Config(width=0.75),
    "mobilenet_v2": MobileNetV2Config(),
    "mobilenet_v2_130": MobileNetV2Config(width=1.3),
    "mobilenet_v2_140": MobileNetV2Config(width=1.4),
    "mobilenet_v2_110d": MobileNetV2Config(width=1.1, depths=(1, 3, 4, 5, 4, 4, 1), fixed_ends=True),  # timm's
    "mobilenet_v2_120d": MobileNetV2Config(width=1.2, depths=(1, 3, 5, 6, 5, 5, 1), fixed_ends=True),  # timm's
}

for _name, _config in TABLE_4.items():
    VARIANTS.register(_name)(Variant(MobileNetV2, _config))

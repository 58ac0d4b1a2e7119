"""MobileNet: every convolution is a depthwise one, 3×3 on each map alone, and a pointwise one, 1×1 over all maps.

Andrew G. Howard, Menglong Zhu, Bo Chen, Dmitry Kalenichenko, Weijun Wang, Tobias Weyand, Marco Andreetto, Hartwig Adam:
MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications, 2017, arXiv 1704.04861. Table 1;
Fig. 3, right: the block; section 3.3: the width multiplier α. The cost against a 3×3 of N maps, eq. 5: 1/N + 1/9.
"""

from dataclasses import dataclass
from typing import final

from torch import nn

from plusx.backbones.variant import VARIANTS, Variant, at_least, one_of
from plusx.core.backbone import Backbone
from plusx.core.stage import Stage
from plusx.nn.conv import RELU6, Norm, conv, conv_norm_act, named
from plusx.nn.init import kaiming_fan_out_
from plusx.nn.padding import PADDINGS, Padding
from plusx.nn.strides import Step, Strides

TABLE_1 = ((64,), (128, 128), (256, 256), (512,) * 6, (1024, 1024))
"""Maps that each block gives, stage by stage; from the second stage on the first block has stride 2."""


@dataclass(frozen=True)
class MobileNetConfig:
    """What a variant or a set of weights may change."""

    width: float = 1.0  # α: times the maps of every layer
    padding: Padding = "symmetric"  # of convolutions that halve the map; "end" as in Keras
    eps: float = 1e-5  # of normalisation
    momentum: float = 0.1  # of its running statistics: the newest batch's share
    small_input: bool = False  # for images of about 32 pixels: the first two halvings are left out

    @property
    def norm(self) -> Norm:
        return Norm(self.eps, self.momentum)

    def __post_init__(self) -> None:
        one_of(PADDINGS, padding=self.padding)
        at_least(1, maps_of_the_first_convolution=int(32 * self.width))


def block(in_channels: int, channels: int, step: Step, config: MobileNetConfig, padding: Padding) -> nn.Sequential:
    """`depthwise` and `pointwise`, each with normalisation and ReLU6."""
    middle = conv(
        in_channels,
        in_channels,
        3,
        stride=step.stride,
        dilation=step.dilation,
        groups=in_channels,
        padding=padding,
    )
    return named(
        depthwise=conv_norm_act(middle, config.norm, RELU6),
        pointwise=conv_norm_act(conv(in_channels, channels, 1), config.norm, RELU6),
    )


@final
class MobileNet(Backbone):
    """Table 1: conv1 is a full 3×3 of stride 2 (`stem`) and a block; conv2 to conv5 halve the map in their first block.

    Channels are rounded down where α leaves fractions. With padding="end" the stem pads by "same", as in Keras, whose
    ImageNet weights were trained so.
    """

    def __init__(self, config: MobileNetConfig, in_channels: int, output_stride: int) -> None:
        super().__init__()
        strides = Strides(output_stride, left_out=2 if config.small_input else 0)
        channels, stages = int(32 * config.width), []
        around: Padding = "same" if config.padding == "end" else config.padding
        stem = conv(in_channels, channels, 3, stride=strides.take(2).stride, padding=around)
        parts: dict[str, nn.Module] = {"stem": conv_norm_act(stem, config.norm, RELU6)}
        for number, row in enumerate(TABLE_1, 1):
            for index, maps in enumerate(row):
                halves = number > 1 and index == 0
                step, given = strides.take(2 if halves else 1), int(maps * config.width)
                padding = config.padding if halves else "symmetric"
                parts[f"block{index + 1}"] = block(channels, given, step, config, padding)
                channels = given
            stages.append(Stage(f"conv{number}", channels, strides.reached))
            self.add_module(f"conv{number}", named(**parts))
            parts = {}
        self.stages = tuple(stages)
        kaiming_fan_out_(self)


TABLE_6 = {
    "mobilenet_v1_025": MobileNetConfig(width=0.25),
    "mobilenet_v1_050": MobileNetConfig(width=0.5),
    "mobilenet_v1_075": MobileNetConfig(width=0.75),
    "mobilenet_v1": MobileNetConfig(),
    "mobilenet_v1_125": MobileNetConfig(width=1.25),
}

for _name, _config in TABLE_6.items():
    VARIANTS.register(_name)(Variant(MobileNet, _config))

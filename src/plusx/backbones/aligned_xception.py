"""Aligned Xception: y = F(x) + x, F of three depthwise separable convolutions, the last of which has the stride.

Liang-Chieh Chen, Yukun Zhu, George Papandreou, Florian Schroff, Hartwig Adam: Encoder-Decoder with Atrous Separable
Convolution for Semantic Image Segmentation (DeepLab v3+), 2018, arXiv 1802.02611, section 3.2 and Fig. 4, after Haozhi
Qi et al., Deformable Convolutional Networks: COCO Detection and Segmentation Challenge 2017 Entry, 2017. What differs
from Xception (Chollet 2017, arXiv 1610.02357): more layers, strides instead of max pools, and a normalisation between
the two halves of a separable convolution (behind the last block a ReLU as well).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

from torch import nn

from plusx.backbones.variant import VARIANTS, Variant, at_least
from plusx.backbones.xception import scaled
from plusx.core.backbone import Backbone
from plusx.core.errors import InputError
from plusx.core.stage import Stage
from plusx.nn.conv import Norm, conv, conv_norm, conv_norm_act, named
from plusx.nn.init import kaiming_fan_out_
from plusx.nn.residual import PreActResidual
from plusx.nn.separable import depthwise, pointwise
from plusx.nn.strides import Step, Strides

STEM: Final = (32, 64)
ENTRY: Final = ((128, 128, 128), (256, 256, 256), (728, 728, 728))
MIDDLE: Final = (728, 728, 728)
EXIT: Final = (728, 1024, 1024)
LAST: Final = (1536, 1536, 2048)
"""Maps of the convolutions in Fig. 4: the two ordinary ones; a block each of entry2, entry3, entry4; of the middle
flow; of the exit flow; the three separable ones behind it."""


@dataclass(frozen=True)
class AlignedXceptionConfig:
    """What a variant or a set of weights may change."""

    depths: tuple[int, ...]  # blocks of entry2, entry3, entry4 and the middle flow
    width: float = 1.0  # times the maps of Fig. 4, in steps of 8
    eps: float = 1e-3  # of normalisation, as the authors' networks have it
    momentum: float = 0.1  # of its running statistics: the newest batch's share
    small_input: bool = False  # for images of about 32 pixels: no stride in entry1 and entry2

    @property
    def norm(self) -> Norm:
        return Norm(self.eps, self.momentum)

    def __post_init__(self) -> None:
        if len(self.depths) != 4:
            raise InputError(
                f"depths has {len(self.depths)} numbers; expected 4: the blocks of entry2, entry3, entry4, middle"
            )
        at_least(1, depths=min(self.depths))

    def scaled(self, maps: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(scaled(number, self.width) for number in maps)


def unactivated(spatial: nn.Conv2d, across: nn.Conv2d, norm: Norm) -> nn.Sequential:
    """A separable convolution with a normalisation behind both of its halves."""
    return named(depthwise=conv_norm(spatial, norm), pointwise=conv_norm(across, norm))


def activated(spatial: nn.Conv2d, across: nn.Conv2d, norm: Norm) -> nn.Sequential:
    """The same with a ReLU at its end: the one that stands before the next."""
    return named(depthwise=conv_norm(spatial, norm), pointwise=conv_norm_act(across, norm))


def activated_twice(spatial: nn.Conv2d, across: nn.Conv2d, norm: Norm) -> nn.Sequential:
    """The same with a ReLU behind both halves: the layers behind the last block."""
    return named(depthwise=conv_norm_act(spatial, norm), pointwise=conv_norm_act(across, norm))


def block(in_channels: int, widths: tuple[int, ...], stride: int, step: Step, norm: Norm) -> nn.Module:
    """Separable convolutions to these numbers of maps, a ReLU before each.

    `step` is what is left of the `stride` in the paper, which alone decides whether the shortcut is a 1×1 convolution.
    """
    F, channels, preact = nn.Sequential(), in_channels, nn.ReLU()
    for number, maps in enumerate(widths, 1):
        last = number == len(widths)
        spatial = depthwise(channels, stride=step.stride if last else 1, dilation=step.dilation)
        halves = (spatial, pointwise(channels, maps))
        F.add_module(f"layer{number}", unactivated(*halves, norm) if last else activated(*halves, norm))
        channels = maps
    if channels == in_channels and stride == 1:
        return PreActResidual(preact, F, shortcut=nn.Identity())
    return PreActResidual(preact, F, shortcut=conv_norm(conv(in_channels, channels, 1, stride=step.stride), norm))


def flow(
    in_channels: int, widths: tuple[int, ...], wanted: Sequence[int], strides: Strides, norm: Norm
) -> nn.Sequential:
    """block1, block2, ...: one for each stride that is wanted."""
    blocks = nn.Sequential()
    for number, stride in enumerate(wanted, 1):
        blocks.add_module(f"block{number}", block(in_channels, widths, stride, strides.take(stride), norm))
        in_channels = widths[-1]
    return blocks


@final
class AlignedXception(Backbone):
    """Stages entry1 (two ordinary convolutions), entry2 to entry4 (the last block has the stride), middle, exit.

    The maps of entry2 to middle are sums, to which no ReLU has been applied yet.
    """

    def __init__(self, config: AlignedXceptionConfig, in_channels: int, output_stride: int) -> None:
        super().__init__()
        strides, norm = Strides(output_stride, left_out=2 if config.small_input else 0), config.norm
        first, channels = config.scaled(STEM)
        self.entry1 = named(
            layer1=conv_norm_act(conv(in_channels, first, 3, stride=strides.take(2).stride), norm),
            layer2=conv_norm_act(conv(first, channels, 3), norm),
        )
        stages = [Stage("entry1", channels, strides.reached)]
        names = ("entry2", "entry3", "entry4", "middle")
        *before, last = wanted_strides(config)
        for name, maps, wanted in zip(names, (*ENTRY, MIDDLE), before, strict=True):
            widths = config.scaled(maps)
            self.add_module(name, flow(channels, widths, wanted, strides, norm))
            channels = widths[-1]
            stages.append(Stage(name, channels, strides.reached))
        self.exit = flow(channels, config.scaled(EXIT), last, strides, norm)
        channels = config.scaled(EXIT)[-1]
        for number, maps in enumerate(config.scaled(LAST), 1):
            spatial = depthwise(channels, dilation=strides.take(1).dilation)
            self.exit.add_module(f"layer{number}", activated_twice(spatial, pointwise(channels, maps), norm))
            channels = maps
        self.stages = (*stages, Stage("exit", channels, strides.reached))
        kaiming_fan_out_(self)


def wanted_strides(config: AlignedXceptionConfig) -> list[list[int]]:
    """The strides of the blocks of entry2, entry3, entry4, middle and exit."""
    *entry, repeated = config.depths
    return [*([1] * (depth - 1) + [2] for depth in entry), [1] * repeated, [2]]


TABLE = {  # 2 + 3 × (blocks + 2) convolutions on the way from input to output
    "xception41": AlignedXceptionConfig((1, 1, 1, 8)),
    "xception65": AlignedXceptionConfig((1, 1, 1, 16)),  # Fig. 4
    "xception71": AlignedXceptionConfig((1, 2, 2, 16)),
}

for _name, _config in TABLE.items():
    VARIANTS.register(_name)(Variant(AlignedXception, _config))

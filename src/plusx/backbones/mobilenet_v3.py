"""MobileNetV3: the inverted residual with squeeze-and-excitation and hard swish, x · ReLU6(x + 3) / 6.

Andrew Howard, Mark Sandler, Grace Chu, Liang-Chieh Chen, Bo Chen, Mingxing Tan, Weijun Wang, Yukun Zhu, Ruoming Pang,
Vijay Vasudevan, Quoc V. Le, Hartwig Adam: Searching for MobileNetV3, 2019, arXiv 1905.02244. Tables 1 and 2: the
networks; Fig. 5: the fully connected layer after the pooling (`hidden`); section 5.3: squeezed to a fourth.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, final

from plusx.backbones.mobilenet_v2 import Blocks, halving, stages
from plusx.backbones.variant import VARIANTS, Variant, one_of
from plusx.core.backbone import Backbone
from plusx.core.errors import InputError
from plusx.core.stage import Hidden
from plusx.nn.conv import HARD_SWISH, RELU, Activation, Norm, conv, conv_norm_act
from plusx.nn.init import kaiming_fan_out_
from plusx.nn.inverted_residual import Bottleneck, divisible
from plusx.nn.padding import PADDINGS, Padding
from plusx.nn.strides import Strides


class Line(NamedTuple):
    """A line of the tables: kernel, times the maps go wide, maps given, squeeze-and-excitation, non-linearity."""

    kernel: int
    expansion: float  # exp size / input maps
    out: int
    SE: bool
    NL: Activation


RE, HS = RELU, HARD_SWISH
Table = tuple[tuple[Line, ...], ...]
"""Stage by stage; the first block from the second stage on has stride 2."""

LARGE: Table = (  # Table 1
    (Line(3, 1, 16, False, RE),),
    (Line(3, 4, 24, False, RE), Line(3, 3, 24, False, RE)),
    (Line(5, 3, 40, True, RE), Line(5, 3, 40, True, RE), Line(5, 3, 40, True, RE)),
    (
        *(
            Line(3, 6, 80, False, HS),
            Line(3, 2.5, 80, False, HS),
            Line(3, 2.3, 80, False, HS),
            Line(3, 2.3, 80, False, HS),
        ),
        *(Line(3, 6, 112, True, HS), Line(3, 6, 112, True, HS)),
    ),
    (Line(5, 6, 160, True, HS), Line(5, 6, 160, True, HS), Line(5, 6, 160, True, HS)),
)
SMALL: Table = (  # Table 2
    (),
    (Line(3, 1, 16, True, RE),),
    (Line(3, 72 / 16, 24, False, RE), Line(3, 88 / 24, 24, False, RE)),
    (
        *(Line(5, 4, 40, True, HS), Line(5, 6, 40, True, HS), Line(5, 6, 40, True, HS)),
        *(Line(5, 3, 48, True, HS), Line(5, 3, 48, True, HS)),
    ),
    (Line(5, 6, 96, True, HS), Line(5, 6, 96, True, HS), Line(5, 6, 96, True, HS)),
)


def minimal(table: Table) -> Table:
    """Without squeeze-and-excitation, hard swish and 5×5: the "minimalistic" networks of the published checkpoints."""
    return tuple(tuple(line._replace(kernel=3, SE=False, NL=RE) for line in lines) for lines in table)


@dataclass(frozen=True)
class MobileNetV3Config:
    """What a variant or a set of weights may change."""

    width: float = (
        1.0  # times the maps of every block, rounded by `divisible`; `hidden` grows with it, but does not shrink
    )
    padding: Padding = "symmetric"  # of convolutions that halve the map; "same" as in TensorFlow and Keras
    eps: float = 1e-3  # of normalisation
    momentum: float = 0.01  # of its running statistics: the newest batch's share (section 6.1.1)
    small_input: bool = False  # for images of about 32 pixels: the first two halvings are left out
    spread_strided: bool = False  # where a stride becomes dilation, its own kernel is dilated too, as in torchvision
    late_ends: bool = (
        False  # a stage ends with the block that halves the map, not before it: torchvision's dense networks
    )

    @property
    def norm(self) -> Norm:
        return Norm(self.eps, self.momentum)

    def __post_init__(self) -> None:
        one_of(PADDINGS, padding=self.padding)
        if self.width <= 0:
            raise InputError(f"width is {self.width}; expected more than 0, e.g. 0.75")


FIRST = 16
"""Maps of the first convolution, for every published width: mobilenet_v3.py in github.com/tensorflow/models (slim)."""


def shapes(table: Table, width: float) -> Iterator[list[Bottleneck]]:
    """The blocks of each stage, in the order of rounding of Keras and timm: exp size is a multiple of rounded maps."""
    channels = FIRST
    for lines in table:
        blocks: list[Bottleneck] = []
        for line in lines:
            expanded, given = divisible(channels * line.expansion), divisible(line.out * width)
            squeezed = divisible(expanded / 4) if line.SE else 0
            blocks.append(Bottleneck(channels, expanded, given, line.kernel, squeezed, line.NL))
            channels = given
        yield blocks


def late(stages: Blocks) -> Blocks:
    """The same blocks, cut behind those that halve the map."""
    found: Blocks = [[]]
    for shape, stride in itertools.chain(*stages):
        found[-1].append((shape, stride))
        if stride == 2:
            found.append([])
    return found


@final
class MobileNetV3(Backbone):
    """Tables 1 and 2: a stage ends where the map is halved next. conv1 begins with a full 3×3 (`stem`), conv5 ends with
    a 1×1 to 6 times the maps (`last`). `hidden`: maps of the layer between pooling and classifier."""

    def __init__(
        self, table: Table, hidden: int, config: MobileNetV3Config, in_channels: int, output_stride: int
    ) -> None:
        super().__init__()
        left_out, norm = 2 if config.small_input else 0, config.norm
        strides = Strides(output_stride, left_out, spread_strided=config.spread_strided)
        blocks = halving(list(shapes(table, config.width)))
        blocks = late(blocks) if config.late_ends else blocks
        final = blocks[-1][-1][0]
        act, thin = final.act, final.channels
        conv1 = conv(in_channels, FIRST, 3, stride=strides.take(2).stride, padding=config.padding)
        stem = conv_norm_act(conv1, norm, act)
        last = divisible(6 * thin)
        end = conv_norm_act(conv(thin, last, 1), norm, act)
        padding, channels = config.padding, (FIRST, last)
        built = list(stages((stem, end), blocks, channels=channels, strides=strides, norm=norm, padding=padding))
        self.stages = tuple(stage for stage, _ in built)
        for stage, module in built:
            self.add_module(stage.name, module)
        grown = divisible(hidden * max(1.0, config.width))
        self.hidden = Hidden(grown, "relu" if act is RE else "hard_swish")
        kaiming_fan_out_(self)


NETWORKS = {
    "mobilenet_v3_large": (LARGE, 1280, MobileNetV3Config()),
    "mobilenet_v3_large_075": (LARGE, 1280, MobileNetV3Config(width=0.75)),
    "mobilenet_v3_large_minimal": (minimal(LARGE), 1280, MobileNetV3Config()),
    "mobilenet_v3_small": (SMALL, 1024, MobileNetV3Config()),
    "mobilenet_v3_small_075": (SMALL, 1024, MobileNetV3Config(width=0.75)),
    "mobilenet_v3_small_050": (SMALL, 1024, MobileNetV3Config(width=0.5)),
    "mobilenet_v3_small_minimal": (minimal(SMALL), 1024, MobileNetV3Config()),
}

for _name, (_table, _hidden, _config) in NETWORKS.items():
    VARIANTS.register(_name)(Variant(partial(MobileNetV3, _table, _hidden), _config))

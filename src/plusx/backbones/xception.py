"""Xception: y = F(x) + x, where F is made of depthwise separable convolutions.

François Chollet: Xception: Deep Learning with Depthwise Separable Convolutions, 2017, arXiv 1610.02357. Fig. 5: entry
flow, middle flow, exit flow; every convolution, separable or not, is followed by batch normalisation, and a ReLU stands
before a separable convolution, not between its two halves.
"""

from dataclasses import dataclass
from typing import Final, Literal, final

from torch import nn

from plusx.backbones.variant import VARIANTS, Variant, at_least, one_of
from plusx.core.backbone import Backbone
from plusx.core.errors import InputError
from plusx.core.stage import Stage
from plusx.nn.conv import RELU, Norm, conv, conv_norm, conv_norm_act, named
from plusx.nn.init import kaiming_fan_out_
from plusx.nn.padding import max_pool
from plusx.nn.residual import PreActResidual
from plusx.nn.separable import separable
from plusx.nn.strides import Step, Strides

STEM: Final = (32, 64)
ENTRY: Final = (128, 256, 728)
EXIT: Final = (728, 1024)
LAST: Final = (1536, 2048)
"""Maps of the convolutions in Fig. 5: the two ordinary ones; a block of the entry flow each, both its convolutions, and
the middle flow as the last; the exit flow's block; the two separable ones behind it."""


@dataclass(frozen=True)
class XceptionConfig:
    """What a variant or a set of weights may change."""

    middle: int = 8  # blocks of the middle flow
    width: float = 1.0  # times the maps of Fig. 5, in steps of 8
    padding: Literal["symmetric", "same"] = "symmetric"  # of separable convolutions and max pools
    stem_padding: Literal["symmetric", "valid"] = "symmetric"
    """Of the two ordinary convolutions. "valid", as in all published weights: without any, so that every map is a point
    or two smaller than H / stride."""
    eps: float = 1e-5  # of normalisation
    momentum: float = 0.1  # of its running statistics: the newest batch's share
    small_input: bool = False  # for images of about 32 pixels: no stride in entry1 and entry2

    @property
    def norm(self) -> Norm:
        return Norm(self.eps, self.momentum)

    def __post_init__(self) -> None:
        at_least(1, middle=self.middle)
        one_of(("symmetric", "same"), padding=self.padding)
        one_of(("symmetric", "valid"), stem_padding=self.stem_padding)


def scaled(maps: int, width: float) -> int:
    """`width` times as many maps, to the next multiple of 8, 8 at least. Raises InputError for a width of 0 or less."""
    if not width > 0:
        raise InputError(f"width is {width}; expected more than 0, e.g. 0.5 for half of the paper's maps")
    return max(8, round(maps * width / 8) * 8)


def stem(in_channels: int, stride: int, config: XceptionConfig) -> nn.Sequential:
    """The two ordinary 3×3 convolutions, the first one of `stride`."""
    around = 0 if config.stem_padding == "valid" else 1
    first, second = (scaled(maps, config.width) for maps in STEM)
    return named(
        layer1=conv_norm_act(nn.Conv2d(in_channels, first, 3, stride, around, bias=False), config.norm),
        layer2=conv_norm_act(nn.Conv2d(first, second, 3, 1, around, bias=False), config.norm),
    )


def separable_norm(in_channels: int, channels: int, dilation: int, config: XceptionConfig) -> nn.Sequential:
    """Separable 3×3 (`conv`) and batch normalisation (`norm`)."""
    convolution = separable(in_channels, channels, dilation=dilation, padding=config.padding)
    return named(conv=convolution, norm=config.norm(channels))


def stack(in_channels: int, widths: tuple[int, ...], dilation: int, config: XceptionConfig) -> nn.Sequential:
    """F without its first ReLU: separable convolutions to these numbers of maps, a ReLU after each but the last."""
    F = nn.Sequential()
    for number, channels in enumerate(widths, 1):
        layer = separable_norm(in_channels, channels, dilation, config)
        if number < len(widths):
            layer.add_module("act", RELU())
        F.add_module(f"layer{number}", layer)
        in_channels = channels
    return F


def halving(
    preact: nn.Module, in_channels: int, widths: tuple[int, ...], step: Step, config: XceptionConfig
) -> nn.Module:
    """A block whose F ends with a 3×3 max pool of stride 2 and whose shortcut is a 1×1 convolution of that stride."""
    F = stack(in_channels, widths, step.dilation, config)
    F.add_module("pool", max_pool(3, step.stride, config.padding, dilation=step.dilation))
    W_s = conv_norm(conv(in_channels, widths[-1], 1, stride=step.stride), config.norm)
    return PreActResidual(preact, F, shortcut=W_s)


@final
class Xception(Backbone):
    """Stages entry1 (two ordinary convolutions), entry2 to entry4 (a block each), middle, exit.

    The maps of entry2 to middle are sums, to which no ReLU has been applied yet; those of entry1 and exit are what a
    ReLU gives.
    """

    def __init__(self, config: XceptionConfig, in_channels: int, output_stride: int) -> None:
        super().__init__()
        strides = Strides(output_stride, left_out=2 if config.small_input else 0)
        self.entry1 = stem(in_channels, strides.take(2).stride, config)
        channels = scaled(STEM[-1], config.width)
        stages = [Stage("entry1", channels, strides.reached)]
        for number, maps in enumerate(ENTRY, 2):
            widths = (scaled(maps, config.width),) * 2
            preact = nn.Identity() if number == 2 else nn.ReLU()  # entry1 ends with one
            block = halving(preact, channels, widths, strides.take(2), config)
            self.add_module(f"entry{number}", named(block1=block))
            channels = widths[-1]
            stages.append(Stage(f"entry{number}", channels, strides.reached))
        self.middle = middle(channels, strides.take(1).dilation, config)
        stages.append(Stage("middle", channels, strides.reached))
        self.exit = exit_flow(channels, strides, config)
        stages.append(Stage("exit", scaled(LAST[-1], config.width), strides.reached))
        self.stages = tuple(stages)
        kaiming_fan_out_(self)


def middle(channels: int, dilation: int, config: XceptionConfig) -> nn.Sequential:
    """Blocks of three separable convolutions, the shortcut is the identity."""
    flow = nn.Sequential()
    for number in range(1, config.middle + 1):
        F = stack(channels, (channels,) * 3, dilation, config)
        flow.add_module(f"block{number}", PreActResidual(nn.ReLU(), F, shortcut=nn.Identity()))
    return flow


def exit_flow(channels: int, strides: Strides, config: XceptionConfig) -> nn.Sequential:
    """A block that halves the map, then two separable convolutions with their ReLU behind them."""
    first, second = (scaled(maps, config.width) for maps in EXIT)
    flow = named(block1=halving(nn.ReLU(), channels, (first, second), strides.take(2), config))
    channels, dilation = second, strides.take(1).dilation
    for number, maps in enumerate(LAST, 1):
        layer = separable_norm(channels, scaled(maps, config.width), dilation, config)
        layer.add_module("act", RELU())
        flow.add_module(f"layer{number}", layer)
        channels = scaled(maps, config.width)
    return flow


VARIANTS.register("xception")(Variant(Xception, XceptionConfig()))

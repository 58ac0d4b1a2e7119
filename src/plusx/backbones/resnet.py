"""ResNet: y = F(x) + x.

Kaiming He, Xiangyu Zhang, Shaoqing Ren, Jian Sun: Deep Residual Learning for Image Recognition, 2015, arXiv 1512.03385.
Table 1 for the ImageNet networks, Fig. 5 for the two kinds of F, section 3.3 for the plain networks and for the
shortcuts (option B: identity, a projection where shapes differ). Wide networks: Zagoruyko and Komodakis, Wide
Residual Networks, 2016, arXiv 1605.07146.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeAlias, final

from torch import nn

from plusx.backbones.variant import VARIANTS, Variant, at_least, one_of
from plusx.core.backbone import Backbone
from plusx.core.errors import InputError
from plusx.core.stage import Stage
from plusx.nn.conv import Norm, conv, conv_norm, conv_norm_act, named, with_bias
from plusx.nn.init import kaiming_fan_out_, zero_residual_
from plusx.nn.padding import PADDINGS, Padding, max_pool
from plusx.nn.residual import Plain, Residual
from plusx.nn.strides import Step, Strides


@dataclass(frozen=True)
class ResNetConfig:
    """What a variant or a set of weights may change."""

    depths: tuple[int, ...]  # blocks in conv2, conv3, ...: a row of Table 1
    width: int = 64  # maps of conv1; doubled from conv3 on
    stride_on: Literal["3x3", "1x1"] = "3x3"  # of a bottleneck; the paper's is "1x1", nearly all weights since "3x3"
    pool_padding: Padding = "symmetric"  # around the max pool; "end" in Caffe, whose pooling rounds up
    bias: bool = False  # convolutions before a normalisation have one, as in Keras
    eps: float = 1e-5  # of normalisation
    momentum: float = 0.1  # of its running statistics: the newest batch's share
    zero_init_residual: bool = False  # every F(x) begins as 0
    small_input: bool = False  # for images of about 32 pixels: conv1 is 3×3 of stride 1, conv2 has no pool
    spread_strided: bool = False  # where a stride becomes dilation, its own kernel is dilated too, as in smp

    @property
    def norm(self) -> Norm:
        return Norm(self.eps, self.momentum)

    def __post_init__(self) -> None:
        at_least(1, width=self.width, depths=min(self.depths, default=0))
        one_of(("3x3", "1x1"), stride_on=self.stride_on)
        one_of(PADDINGS, pool_padding=self.pool_padding)


Shortcut: TypeAlias = Callable[[int, int, Step, ResNetConfig], nn.Module]
"""`W_s(in_channels, channels, step, config)`: the shortcut where shapes differ."""

Stem: TypeAlias = Callable[[int, int, ResNetConfig], nn.Sequential]
"""`stem(in_channels, stride, config)`: from images to `width` maps on a grid `stride` times coarser."""


@dataclass(frozen=True)
class Unit:
    """A kind of block.

    `F(in_channels, width, step, config)` gives `expansion` × width maps; `wire(F, in_channels, channels, step, config)`
    makes it a block.
    """

    F: Callable[[int, int, Step, ResNetConfig], nn.Sequential]
    expansion: int
    wire: Callable[[nn.Sequential, int, int, Step, ResNetConfig], nn.Module]


def basic(in_channels: int, width: int, step: Step, config: ResNetConfig) -> nn.Sequential:
    """F of Fig. 5, left: two 3×3."""
    conv1 = conv(in_channels, width, 3, stride=step.stride, dilation=step.dilation)
    conv2 = conv(width, width, 3, dilation=step.dilation_after)
    return named(
        layer1=conv_norm_act(with_bias(conv1, config.bias), config.norm),
        layer2=conv_norm(with_bias(conv2, config.bias), config.norm),
    )


def bottleneck(
    in_channels: int, width: int, step: Step, config: ResNetConfig, *, widen: int = 1, groups: int = 1
) -> nn.Sequential:
    """F of Fig. 5, right: 1×1 down, 3×3, 1×1 up to 4 × width. The 3×3 has `widen` × width maps in `groups` groups."""
    inner = widen * width
    if inner % groups:
        raise InputError(f"{inner} maps do not divide into {groups} groups; choose another width than {config.width}")
    if config.stride_on == "1x1":
        conv1 = conv(in_channels, inner, 1, stride=step.stride)
        conv2 = conv(inner, inner, 3, dilation=step.dilation_after, groups=groups)
    else:
        conv1 = conv(in_channels, inner, 1)
        conv2 = conv(inner, inner, 3, stride=step.stride, dilation=step.dilation, groups=groups)
    return named(
        layer1=conv_norm_act(with_bias(conv1, config.bias), config.norm),
        layer2=conv_norm_act(with_bias(conv2, config.bias), config.norm),
        layer3=conv_norm(with_bias(conv(inner, 4 * width, 1), config.bias), config.norm),
    )


def projection(in_channels: int, channels: int, step: Step, config: ResNetConfig) -> nn.Module:
    """W_s of option B: 1×1."""
    return conv_norm(with_bias(conv(in_channels, channels, 1, stride=step.stride), config.bias), config.norm)


def residual(
    F: nn.Sequential, in_channels: int, channels: int, step: Step, config: ResNetConfig, *, W_s: Shortcut = projection
) -> nn.Module:
    """y = F(x) + x, or y = F(x) + W_s x where the shapes differ (eq. 2)."""
    same = in_channels == channels and step.stride == 1
    return Residual(F, nn.Identity() if same else W_s(in_channels, channels, step, config))


def plain(F: nn.Sequential, in_channels: int, channels: int, step: Step, config: ResNetConfig) -> nn.Module:
    """y = F(x)."""
    return Plain(F)


def single(in_channels: int, stride: int, config: ResNetConfig) -> nn.Sequential:
    """conv1 of Table 1: 7×7."""
    conv1 = conv(in_channels, config.width, 3 if config.small_input else 7, stride=stride)
    return conv_norm_act(with_bias(conv1, config.bias), config.norm)


@final
class ResNet(Backbone):
    """Table 1: conv1, the stem, of stride 2; conv2 begins with a 3×3 max pool of stride 2; then blocks, `depths` of
    them."""

    def __init__(
        self, unit: Unit, config: ResNetConfig, in_channels: int, output_stride: int, *, stem: Stem = single
    ) -> None:
        super().__init__()
        if config.stride_on == "1x1" and unit.expansion == 1:
            raise InputError("stride_on='1x1' has no effect without bottlenecks; leave it out")
        left_out, channels = 2 if config.small_input else 0, config.width
        strides = Strides(output_stride, left_out, spread_strided=config.spread_strided)
        self.conv1 = stem(in_channels, strides.take(2).stride, config)
        stages = [Stage("conv1", channels, strides.reached)]
        pool = max_pool(3, strides.take(2).stride, config.pool_padding)
        before = {} if config.small_input else {"pool": pool}
        for i, depth in enumerate(config.depths):
            width = config.width * 2**i
            steps = [strides.take(2 if i > 0 and block == 0 else 1) for block in range(depth)]
            blocks = stack(unit, channels, width, steps, config)
            channels = unit.expansion * width
            stages.append(Stage(f"conv{i + 2}", channels, strides.reached))
            self.add_module(f"conv{i + 2}", named(**before, **blocks))
            before = {}
        self.stages = tuple(stages)
        kaiming_fan_out_(self)
        if config.zero_init_residual:
            zero_residual_(self)


def stack(unit: Unit, channels: int, width: int, steps: list[Step], config: ResNetConfig) -> dict[str, nn.Module]:
    """block1, block2, ...: one for each step; the first takes `channels` maps, all give expansion × width."""
    blocks: dict[str, nn.Module] = {}
    for number, step in enumerate(steps, 1):
        F = unit.F(channels, width, step, config)
        blocks[f"block{number}"] = unit.wire(F, channels, unit.expansion * width, step, config)
        channels = unit.expansion * width
    return blocks


BASIC = Unit(basic, 1, residual)
PLAIN = Unit(basic, 1, plain)
BOTTLENECK = Unit(bottleneck, 4, residual)
WIDE = Unit(partial(bottleneck, widen=2), 4, residual)  # WRN-50-2-bottleneck: twice the maps inside a bottleneck

TABLE_1 = {
    "resnet18": (BASIC, ResNetConfig((2, 2, 2, 2))),
    "resnet34": (BASIC, ResNetConfig((3, 4, 6, 3))),
    "resnet50": (BOTTLENECK, ResNetConfig((3, 4, 6, 3))),
    "resnet101": (BOTTLENECK, ResNetConfig((3, 4, 23, 3))),
    "resnet152": (BOTTLENECK, ResNetConfig((3, 8, 36, 3))),
    "resnet50_v1": (BOTTLENECK, ResNetConfig((3, 4, 6, 3), stride_on="1x1")),
    "resnet101_v1": (BOTTLENECK, ResNetConfig((3, 4, 23, 3), stride_on="1x1")),
    "resnet152_v1": (BOTTLENECK, ResNetConfig((3, 8, 36, 3), stride_on="1x1")),
    "plain18": (PLAIN, ResNetConfig((2, 2, 2, 2))),
    "plain34": (PLAIN, ResNetConfig((3, 4, 6, 3))),
    "wide_resnet50_2": (WIDE, ResNetConfig((3, 4, 6, 3))),
    "wide_resnet101_2": (WIDE, ResNetConfig((3, 4, 23, 3))),
}

for _name, (_unit, _config) in TABLE_1.items():
    VARIANTS.register(_name)(Variant(partial(ResNet, _unit), _config))

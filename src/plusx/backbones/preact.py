"""ResNet v2: y = x + F(preact(x)).

Kaiming He, Xiangyu Zhang, Shaoqing Ren, Jian Sun: Identity Mappings in Deep Residual Networks, 2016, arXiv 1603.05027.
Fig. 1 (b) and Fig. 4 (e): normalisation and ReLU stand before the convolutions, and after the last block once more;
shortcuts that change the shape are convolutions of the pre-activated map.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, final

from torch import nn

from plusx.backbones.variant import VARIANTS, Variant, at_least, one_of
from plusx.core.backbone import Backbone
from plusx.core.stage import Stage
from plusx.nn.conv import Norm, conv, conv_norm_act, named, norm_act, with_bias
from plusx.nn.init import kaiming_fan_out_, zero_residual_
from plusx.nn.residual import PreActProjection, PreActResidual, Subsample
from plusx.nn.strides import Step, Strides


@dataclass(frozen=True)
class PreActConfig:
    """What a variant or a set of weights may change."""

    depths: tuple[int, ...]  # blocks in conv2, conv3, ...
    width: int = 64  # maps of conv1; doubled from conv3 on
    stride_in: Literal["first", "last"] = (
        "first"  # block of a stage; "last" in Keras, whose conv2 to conv4 halve the map
    )
    pool_padding: Literal["-inf", "zero"] = (
        "-inf"  # around the max pool: nothing is normalised before it, so it matters
    )
    bias: bool = False  # convolutions that no normalisation follows have one, as in Keras
    eps: float = 1e-5  # of normalisation
    momentum: float = 0.1  # of its running statistics: the newest batch's share
    zero_init_residual: bool = False  # every F(x) begins as 0
    small_input: bool = False  # for images of about 32 pixels: conv1 is 3×3 of stride 1, conv2 has no pool

    @property
    def norm(self) -> Norm:
        return Norm(self.eps, self.momentum)

    def __post_init__(self) -> None:
        at_least(1, width=self.width, depths=min(self.depths, default=0))
        one_of(("first", "last"), stride_in=self.stride_in)
        one_of(("-inf", "zero"), pool_padding=self.pool_padding)


@dataclass(frozen=True)
class Unit:
    """A kind of block: `F(in_channels, width, step, config)` gives `expansion` × width maps."""

    F: Callable[[int, int, Step, PreActConfig], nn.Sequential]
    expansion: int


def basic(in_channels: int, width: int, step: Step, config: PreActConfig) -> nn.Sequential:
    """Two 3×3."""
    conv1 = conv(in_channels, width, 3, stride=step.stride, dilation=step.dilation)
    conv2 = conv(width, width, 3, dilation=step.dilation_after)
    return named(layer1=conv_norm_act(conv1, config.norm), layer2=named(conv=with_bias(conv2, config.bias)))


def bottleneck(in_channels: int, width: int, step: Step, config: PreActConfig) -> nn.Sequential:
    """1×1 down, 3×3, 1×1 up to 4 × width."""
    conv2 = conv(width, width, 3, stride=step.stride, dilation=step.dilation)
    return named(
        layer1=conv_norm_act(conv(in_channels, width, 1), config.norm),
        layer2=conv_norm_act(conv2, config.norm),
        layer3=named(conv=with_bias(conv(width, 4 * width, 1), config.bias)),
    )


def block(unit: Unit, in_channels: int, width: int, step: Step, config: PreActConfig) -> nn.Module:
    """One residual unit, with the shortcut that its shapes ask for."""
    channels = unit.expansion * width
    preact, F = norm_act(in_channels, config.norm), unit.F(in_channels, width, step, config)
    if in_channels != channels:
        W_s = with_bias(conv(in_channels, channels, 1, stride=step.stride), config.bias)
        return PreActProjection(preact, F, shortcut=named(conv=W_s))
    return PreActResidual(preact, F, shortcut=nn.Identity() if step.stride == 1 else Subsample(step.stride))


def pool(stride: int, padding: str) -> nn.Module:
    """3×3 max pool, padded by one."""
    if padding == "zero":
        return nn.Sequential(nn.ZeroPad2d(1), nn.MaxPool2d(3, stride))
    return nn.MaxPool2d(3, stride, padding=1)


@final
class PreActResNet(Backbone):
    """conv1 is a bare 7×7 of stride 2, conv2 begins with the max pool, conv5 ends with `final`: normalisation, ReLU.

    The maps of the stages before are sums, not yet normalised. With stride_in="last" a stage's map is of the next
    stage's stride.
    """

    def __init__(self, unit: Unit, config: PreActConfig, in_channels: int, output_stride: int) -> None:
        super().__init__()
        strides, channels = Strides(output_stride, left_out=2 if config.small_input else 0), config.width
        conv1 = conv(in_channels, channels, 3 if config.small_input else 7, stride=strides.take(2).stride)
        self.conv1 = named(conv=with_bias(conv1, config.bias))
        stages = [Stage("conv1", channels, strides.reached)]
        first = pool(strides.take(2).stride, config.pool_padding)
        before = {} if config.small_input else {"pool": first}
        for i, wanted in enumerate(wanted_strides(config)):
            blocks: dict[str, nn.Module] = {}
            for number, stride in enumerate(wanted, 1):
                step, width = strides.take(stride), config.width * 2**i
                blocks[f"block{number}"] = block(unit, channels, width, step, config)
                channels = unit.expansion * width
            if i + 1 == len(config.depths):
                blocks["final"] = norm_act(channels, config.norm)
            stages.append(Stage(f"conv{i + 2}", channels, strides.reached))
            self.add_module(f"conv{i + 2}", named(**before, **blocks))
            before = {}
        self.stages = tuple(stages)
        kaiming_fan_out_(self)
        if config.zero_init_residual:
            zero_residual_(self)


def wanted_strides(config: PreActConfig) -> list[list[int]]:
    """The strides of each stage's blocks: 1, 2, 2, 2 in the first block of a stage, or 2, 2, 2, 1 in the last."""
    last = len(config.depths) - 1
    if config.stride_in == "last":
        return [[1] * (depth - 1) + [1 if i == last else 2] for i, depth in enumerate(config.depths)]
    return [[1 if i == 0 else 2] + [1] * (depth - 1) for i, depth in enumerate(config.depths)]


BASIC = Unit(basic, 1)
BOTTLENECK = Unit(bottleneck, 4)

TABLE = {
    "resnet18_v2": (BASIC, PreActConfig((2, 2, 2, 2))),
    "resnet34_v2": (BASIC, PreActConfig((3, 4, 6, 3))),
    "resnet50_v2": (BOTTLENECK, PreActConfig((3, 4, 6, 3))),
    "resnet101_v2": (BOTTLENECK, PreActConfig((3, 4, 23, 3))),
    "resnet152_v2": (BOTTLENECK, PreActConfig((3, 8, 36, 3))),
}

for _name, (_unit, _config) in TABLE.items():
    VARIANTS.register(_name)(Variant(partial(PreActResNet, _unit), _config))

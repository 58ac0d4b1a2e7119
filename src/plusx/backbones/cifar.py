"""ResNet for CIFAR: y = F(x) + x with shortcuts that have no parameter.

Kaiming He, Xiangyu Zhang, Shaoqing Ren, Jian Sun: Deep Residual Learning for Image Recognition, 2015, arXiv 1512.03385,
section 4.2: 6n + 2 layers; n blocks each with 16, 32 and 64 maps on grids of 32, 16 and 8; option A shortcuts
(section 3.3): every second pixel, zeros for the new maps.
"""

from dataclasses import dataclass
from typing import Literal, final

from torch import nn

from plusx.backbones.variant import VARIANTS, Variant, at_least, one_of
from plusx.core.backbone import Backbone
from plusx.core.stage import Stage
from plusx.nn.conv import Norm, conv, conv_norm, conv_norm_act, named
from plusx.nn.init import kaiming_fan_out_, zero_residual_
from plusx.nn.residual import Plain, Residual, Subsample, ZeroChannels
from plusx.nn.strides import Strides

SHORTCUTS = ("A", "A-centred", "B", "none")


@dataclass(frozen=True)
class CifarConfig:
    """What a variant or a set of weights may change."""

    n: int  # blocks a stage; the network has 6n + 2 layers
    width: int = 16  # maps of conv1 and conv2; doubled in conv3 and conv4
    shortcut: Literal["A", "A-centred", "B", "none"] = "A"
    """Where shapes differ. A: new maps of zeros follow the old ones; A-centred: half of them before, half after;
    B: projection. none: no `+ x` at all, the plain network."""
    eps: float = 1e-5  # of normalisation
    momentum: float = 0.1  # of its running statistics: the newest batch's share
    zero_init_residual: bool = False  # every F(x) begins as 0

    @property
    def norm(self) -> Norm:
        return Norm(self.eps, self.momentum)

    def __post_init__(self) -> None:
        at_least(1, n=self.n, width=self.width)
        one_of(SHORTCUTS, shortcut=self.shortcut)


def basic(in_channels: int, width: int, stride: int, norm: Norm) -> nn.Sequential:
    """F: two 3×3."""
    conv1, conv2 = conv(in_channels, width, 3, stride=stride), conv(width, width, 3)
    return named(layer1=conv_norm_act(conv1, norm), layer2=conv_norm(conv2, norm))


def change_of_shape(in_channels: int, channels: int, stride: int, config: CifarConfig) -> nn.Module:
    """The shortcut from in_channels maps to `channels` on a grid `stride` times coarser."""
    if config.shortcut == "B":
        return conv_norm(conv(in_channels, channels, 1, stride=stride), config.norm)
    new = channels - in_channels
    before = new // 2 if config.shortcut == "A-centred" else 0
    return named(sample=Subsample(stride), zeros=ZeroChannels(before, new - before))


def block(in_channels: int, width: int, stride: int, config: CifarConfig) -> nn.Module:
    """One block, with the shortcut that its shapes ask for."""
    F = basic(in_channels, width, stride, config.norm)
    if config.shortcut == "none":
        return Plain(F)
    if in_channels == width and stride == 1:
        return Residual(F, shortcut=nn.Identity())
    return Residual(F, change_of_shape(in_channels, width, stride, config))


@final
class CifarResNet(Backbone):
    """conv1 3×3; conv2, conv3, conv4 of n blocks each, of stride 1, 2, 4: any output stride is kept by itself."""

    def __init__(self, config: CifarConfig, in_channels: int, output_stride: int) -> None:
        super().__init__()
        strides, channels = Strides(output_stride), config.width
        self.conv1 = conv_norm_act(conv(in_channels, channels, 3), config.norm)
        stages = [Stage("conv1", channels, strides.reached)]
        for i in range(3):
            blocks: dict[str, nn.Module] = {}
            for number in range(1, config.n + 1):
                step = strides.take(2 if i > 0 and number == 1 else 1)
                blocks[f"block{number}"] = block(channels, config.width * 2**i, step.stride, config)
                channels = config.width * 2**i
            stages.append(Stage(f"conv{i + 2}", channels, strides.reached))
            self.add_module(f"conv{i + 2}", named(**blocks))
        self.stages = tuple(stages)
        kaiming_fan_out_(self)
        if config.zero_init_residual:
            zero_residual_(self)


TABLE = {
    "resnet20": CifarConfig(n=3),
    "resnet32": CifarConfig(n=5),
    "resnet44": CifarConfig(n=7),
    "resnet56": CifarConfig(n=9),
    "resnet110": CifarConfig(n=18),
    "resnet1202": CifarConfig(n=200),
    "plain20": CifarConfig(n=3, shortcut="none"),
    "plain56": CifarConfig(n=9, shortcut="none"),
}

for _name, _config in TABLE.items():
    VARIANTS.register(_name)(Variant(CifarResNet, _config))

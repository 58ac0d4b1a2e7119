"""U-Net: up again the way the backbone came down, with its maps beside at every step.

Olaf Ronneberger, Philipp Fischer, Thomas Brox: U-Net: Convolutional Networks for Biomedical Image Segmentation, 2015,
arXiv 1505.04597, Fig. 1. `UNetPaper` is its expansive path on any backbone, with padded and normalised convolutions, so
that nothing is cropped. `UNet`, the usual form today, is thinner and has nearest points in place of the 2×2
up-convolution: the decoder of segmentation_models_pytorch's Unet.
"""

from abc import ABC, abstractmethod
from types import MappingProxyType
from typing import Final, final

import torch
from torch import Tensor, nn

from plusx.core.backbone import Features
from plusx.core.stage import Stage
from plusx.nn.conv import RELU, conv, conv_norm_act, named
from plusx.nn.doubled import DoubledConv2d
from plusx.nn.init import kaiming_fan_out_
from plusx.nn.segmentation.maps import begin_scores_, deepest, resized, scores

CHANNELS: Final = MappingProxyType({16: 256, 8: 128, 4: 64, 2: 32, 1: 16})
"""Stride → maps of the decoder there; segmentation_models_pytorch's decoder_channels."""


class Expansive(nn.Module, ABC):
    """From the last map to stride 1, step by step: what both decoders share. `kernel`: of the scores."""

    def __init__(self, stages: tuple[Stage, ...], classes: int, dropout: float, kernel: int) -> None:
        super().__init__()
        self.last = stages[-1]
        self.dropout = nn.Dropout(dropout)
        channels = self.last.channels
        finer = [stride for stride in CHANNELS if stride < self.last.stride]
        for stride in finer:
            up, channels = self.up(channels, deepest(stages, stride), stride)
            self.add_module(f"up{stride}", up)
        self.ups = [f"up{stride}" for stride in finer]
        self.score = scores(channels, classes, kernel)
        kaiming_fan_out_(self)
        begin_scores_(self.score)

    @abstractmethod
    def up(self, in_channels: int, skip: Stage | None, stride: int) -> tuple[nn.Module, int]:
        """The step from in_channels maps to `stride`, beside `skip`; and the number of its maps."""

    def forward(self, features: Features) -> Tensor:
        x = self.dropout(features[self.last.name])
        for name in self.ups:
            x = self.get_submodule(name)(x, features)
        return self.score(x)


@final
class UNet(Expansive):
    """From the last map to stride 1: every step doubles the map, takes the backbone's deepest map of that stride
    beside it where there is one, and convolves twice.

    features → logits (B, classes, H, W); a side that the backbone's first halving rounded up is a pixel longer than the
    image's. `dropout`: of points of the last map, as at the end of the paper's contracting path.
    """

    def __init__(self, stages: tuple[Stage, ...], classes: int, *, dropout: float = 0.0) -> None:
        super().__init__(stages, classes, dropout, kernel=3)

    def up(self, in_channels: int, skip: Stage | None, stride: int) -> tuple[nn.Module, int]:
        return Up(in_channels, skip, CHANNELS[stride]), CHANNELS[stride]


@final
class Up(nn.Module):
    """A step of the expansive path: nearest points, `skip`'s map beside them, two 3×3, each normalised."""

    def __init__(self, in_channels: int, skip: Stage | None, channels: int) -> None:
        super().__init__()
        self.skip = skip
        beside = 0 if skip is None else skip.channels
        self.doubled = DoubledConv2d(in_channels, beside, channels)
        self.layers = named(
            norm=nn.BatchNorm2d(channels), act=RELU(), layer2=conv_norm_act(conv(channels, channels, 3))
        )

    def forward(self, x: Tensor, features: Features) -> Tensor:
        """x: B, in_channels, h, w. Returns B, channels and the sides of the skip's map, or twice x's."""
        return self.layers(self.doubled(x, None if self.skip is None else features[self.skip.name]))


@final
class UNetPaper(Expansive):
    """From the last map to stride 1 as in Fig. 1: every step is a 2×2 up-convolution to as many maps as the backbone's
    deepest one of that stride has, that map beside them, and two 3×3; then the scores, 1×1. Where there is no map of a
    stride, half of the maps go on alone. In the paper's network both are the same.

    features → logits (B, classes, H, W), a side as in `UNet`. `dropout`: of points of the last map, as at the end of
    the paper's contracting path. On the backbone `unet` it is the paper's network but for padding and normalisation.
    """

    def __init__(self, stages: tuple[Stage, ...], classes: int, *, dropout: float = 0.5) -> None:
        super().__init__(stages, classes, dropout, kernel=1)

    def up(self, in_channels: int, skip: Stage | None, stride: int) -> tuple[nn.Module, int]:
        given = max(1, in_channels // 2) if skip is None else skip.channels
        return UpConvolution(in_channels, skip, given), given


@final
class UpConvolution(nn.Module):
    """A step of the paper's expansive path: 2×2 up-convolution, `skip`'s map before it, two 3×3."""

    def __init__(self, in_channels: int, skip: Stage | None, channels: int) -> None:
        super().__init__()
        self.skip = skip
        beside = 0 if skip is None else skip.channels
        self.up = nn.ConvTranspose2d(in_channels, channels, 2, stride=2)
        self.layers = named(
            layer1=conv_norm_act(conv(beside + channels, channels, 3)),
            layer2=conv_norm_act(conv(channels, channels, 3)),
        )

    def forward(self, x: Tensor, features: Features) -> Tensor:
        """As `Up.forward`."""
        x = self.up(x)
        if self.skip is None:
            return self.layers(x)
        skip = features[self.skip.name]
        return self.layers(torch.cat((skip, resized(x, skip)), dim=1))

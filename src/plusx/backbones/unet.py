"""U-Net's contracting path: two 3×3, then 2×2 max pooling and twice the maps.

Olaf Ronneberger, Philipp Fischer, Thomas Brox: U-Net: Convolutional Networks for Biomedical Image Segmentation, 2015,
arXiv 1505.04597, section 2 and Fig. 1: 64 maps at stride 1 to 1024 at stride 16. Differences, both usual today:
convolutions are padded, so that no border is lost and nothing is cropped; each is followed by batch normalisation. The
expansive path is the head `unet-paper`.
"""

from dataclasses import dataclass
from typing import final

from torch import nn

from plusx.backbones.variant import VARIANTS, Variant, at_least
from plusx.core.backbone import Backbone
from plusx.core.stage import Stage
from plusx.nn.conv import Norm, conv, conv_norm_act, named
from plusx.nn.init import kaiming_fan_out_
from plusx.nn.padding import PaddedMaxPool2d
from plusx.nn.strides import Strides


@dataclass(frozen=True)
class UNetConfig:
    """What a variant or a set of weights may change."""

    width: int = 64  # maps of conv1; doubled in every stage after it
    eps: float = 1e-5  # of normalisation
    momentum: float = 0.1  # of its running statistics: the newest batch's share

    @property
    def norm(self) -> Norm:
        return Norm(self.eps, self.momentum)

    def __post_init__(self) -> None:
        at_least(1, width=self.width)


@final
class UNetEncoder(Backbone):
    """conv1 to conv5, of strides 1, 2, 4, 8, 16; each but the first begins with the pooling."""

    def __init__(self, config: UNetConfig, in_channels: int, output_stride: int) -> None:
        super().__init__()
        strides, stages = Strides(output_stride), list[Stage]()
        for i in range(5):
            step, width = strides.take(1 if i == 0 else 2), config.width * 2**i
            layers: dict[str, nn.Module] = {}
            if i > 0:
                layers["pool"] = PaddedMaxPool2d(2, step.stride, "end", step.dilation)
            for number, channels in ((1, in_channels), (2, width)):
                convolution = conv(channels, width, 3, dilation=step.dilation_after)
                layers[f"layer{number}"] = conv_norm_act(convolution, config.norm)
            self.add_module(f"conv{i + 1}", named(**layers))
            stages.append(Stage(f"conv{i + 1}", width, strides.reached))
            in_channels = width
        self.stages = tuple(stages)
        kaiming_fan_out_(self)


TABLE = {"unet": UNetConfig()}

for _name, _config in TABLE.items():
    VARIANTS.register(_name)(Variant(UNetEncoder, _config))

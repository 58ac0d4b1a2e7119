"""DeepLab: the last map looked at through holes of several widths, so that a point sees far and near at once.

DeepLabV3: Liang-Chieh Chen, George Papandreou, Florian Schroff, Hartwig Adam: Rethinking Atrous Convolution for
Semantic Image Segmentation, 2017, arXiv 1706.05587, Fig. 5 and section 3.3; as in torchvision. DeepLabV3+: Liang-Chieh
Chen, Yukun Zhu, George Papandreou, Florian Schroff, Hartwig Adam: Encoder-Decoder with Atrous Separable Convolution for
Semantic Image Segmentation, 2018, arXiv 1802.02611, Fig. 2 and sections 3.1 and 4; as in segmentation_models_pytorch.
"""

from typing import final

import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm

from plusx.core.backbone import Features
from plusx.core.stage import Stage
from plusx.nn.conv import RELU, conv, conv_norm_act, named
from plusx.nn.init import kaiming_fan_out_
from plusx.nn.segmentation.maps import begin_scores_, finer, resized, scores
from plusx.nn.separable import separable

WIDTH = 256
"""Maps of every branch and of the decoder (V3, section 3.3; V3+, section 4.1)."""

LOW = 48
"""Maps that are left of the finer map (V3+, Table 1)."""


def usual_rates(stride: int) -> tuple[int, int, int]:
    """6, 12 and 18 at stride 16, doubled at 8 (V3, section 4.1), so that they reach as far in the image at any."""
    return max(1, 6 * 16 // stride), max(1, 12 * 16 // stride), max(1, 18 * 16 // stride)


@final
class PooledNorm(nn.BatchNorm2d):
    """Batch normalisation of pooled maps (B, C, 1, 1). In training one image alone has no variance: it goes through
    the running statistics, and leaves them as they are."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (nn.BatchNorm2d calls it so)
        if self.training and input.shape[0] == 1:
            return batch_norm(input, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps)
        return super().forward(input)


@final
class ImagePooling(nn.Module):
    """The mean of the whole map, a 1×1, normalisation, ReLU, and the same everywhere again (V3, section 3.3)."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.conv = conv(in_channels, channels, 1)
        self.norm = PooledNorm(channels)
        self.act = RELU()

    def forward(self, x: Tensor) -> Tensor:
        """x: B, in_channels, h, w. Returns B, channels, h, w."""
        pooled = self.act(self.norm(self.conv(self.pool(x))))
        return pooled.expand(-1, -1, *x.shape[2:])


@final
class ASPP(nn.Module):
    """Atrous spatial pyramid pooling: a 1×1, three 3×3 of these rates, the pooled image, side by side, and a 1×1."""

    def __init__(self, in_channels: int, rates: tuple[int, ...], dropout: float, *, apart: bool = False) -> None:
        """apart: the 3×3 are depthwise separable."""
        super().__init__()
        kind = separable if apart else conv
        self.branches = nn.ModuleList(
            [
                conv_norm_act(conv(in_channels, WIDTH, 1)),
                *(
                    named(conv=kind(in_channels, WIDTH, 3, dilation=r), norm=nn.BatchNorm2d(WIDTH), act=RELU())
                    for r in rates
                ),
                ImagePooling(in_channels, WIDTH),
            ]
        )
        self.project = conv_norm_act(conv(len(self.branches) * WIDTH, WIDTH, 1))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """x: B, in_channels, h, w. Returns B, 256, h, w."""
        return self.dropout(self.project(torch.cat([branch(x) for branch in self.branches], dim=1)))


@final
class DeepLabV3(nn.Module):
    """ASPP on the last map, a 3×3 and scores: features → logits (B, classes, h, w) on the last map's grid, which is
    best kept at a stride of 8 or 16 by dilation."""

    def __init__(
        self, stages: tuple[Stage, ...], classes: int, *, dropout: float = 0.5, rates: tuple[int, ...] | None = None
    ) -> None:
        """rates: of the 3×3; None: `usual_rates`."""
        super().__init__()
        self.last = stages[-1]
        self.aspp = ASPP(self.last.channels, rates or usual_rates(self.last.stride), dropout)
        self.layer = conv_norm_act(conv(WIDTH, WIDTH, 3))
        self.score = scores(WIDTH, classes)
        kaiming_fan_out_(self)
        begin_scores_(self.score)

    def forward(self, features: Features) -> Tensor:
        return self.score(self.layer(self.aspp(features[self.last.name])))


@final
class DeepLabV3Plus(nn.Module):
    """ASPP on the last map, resized to the deepest map of stride 4 and refined beside 48 maps made of it; 3×3 are
    separable.

    features → logits (B, classes, H / 4, W / 4). Between the maps corners lie on corners, as in the authors' code
    (github.com/tensorflow/models, research/deeplab) and segmentation_models_pytorch. InputError for a network without
    a map finer than its last, of stride 4 or less.
    """

    def __init__(
        self, stages: tuple[Stage, ...], classes: int, *, dropout: float = 0.5, rates: tuple[int, ...] | None = None
    ) -> None:
        """rates: of the 3×3; None: `usual_rates`."""
        super().__init__()
        self.last, self.low = stages[-1], finer(stages, 4, "DeepLabV3+")
        self.aspp = ASPP(self.last.channels, rates or usual_rates(self.last.stride), dropout, apart=True)
        self.layer = separable_norm_act(WIDTH)
        self.reduce = conv_norm_act(conv(self.low.channels, LOW, 1))
        self.refine = separable_norm_act(LOW + WIDTH)
        self.score = scores(WIDTH, classes)
        kaiming_fan_out_(self)
        begin_scores_(self.score)

    def forward(self, features: Features) -> Tensor:
        low = self.reduce(features[self.low.name])
        x = resized(self.layer(self.aspp(features[self.last.name])), low, align_corners=True)
        return self.score(self.refine(torch.cat((x, low), dim=1)))


def separable_norm_act(in_channels: int) -> nn.Sequential:
    """A separable 3×3 to 256 maps, normalisation, ReLU."""
    return named(conv=separable(in_channels, WIDTH), norm=nn.BatchNorm2d(WIDTH), act=RELU())

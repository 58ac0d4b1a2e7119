"""FCN: a classifier slid over the image, its coarse scores summed with those of finer maps.

Jonathan Long, Evan Shelhamer, Trevor Darrell: Fully Convolutional Networks for Semantic Segmentation, 2015, arXiv
1411.4038. Fig. 3 and section 4.2: FCN-32s, FCN-16s, FCN-8s. The paper's networks end in the two convolutions that were
VGG's fully connected layers; here the scores are taken from the backbone's maps themselves. Coarse scores are brought
to the finer grid by fixed bilinear interpolation, with which the paper's learned one begins.
"""

from typing import final

from torch import Tensor, nn

from plusx.core.backbone import Features
from plusx.core.errors import InputError
from plusx.core.stage import Stage
from plusx.nn.conv import RELU, conv, named
from plusx.nn.init import kaiming_fan_out_
from plusx.nn.segmentation.maps import begin_scores_, deepest, resized, scores, strides


@final
class FCN(nn.Module):
    """Scores of the last map, summed with those of every finer stride down to `stride`: 32, 16 or 8 of the paper.

    features → logits (B, classes, H / stride, W / stride). `dropout`: before the scores of the last map, where the
    paper has it after its fully connected layers. Scores of finer maps begin as zero, so that training begins with the
    coarser network (section 4.2). InputError for a `stride` below 32 of which the network has no map.
    """

    def __init__(self, stages: tuple[Stage, ...], classes: int, *, stride: int = 8, dropout: float = 0.5) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.names: list[str] = []
        for stage in summed(stages, stride):
            score = scores(stage.channels, classes)
            begin_scores_(score)
            if self.names:
                nn.init.zeros_(score.weight)
            self.names.append(stage.name)
            self.add_module(f"score{len(self.names)}", score)

    def forward(self, features: Features) -> Tensor:
        logits = self.get_submodule("score1")(self.dropout(features[self.names[0]]))
        for number, name in enumerate(self.names[1:], 2):
            finer = self.get_submodule(f"score{number}")(features[name])
            logits = finer + resized(logits, finer)
        return logits


def summed(stages: tuple[Stage, ...], stride: int) -> list[Stage]:
    """The last stage, then the deepest of every finer stride down to `stride`; 32 means the last alone."""
    last = stages[-1]
    if stride == 32:
        return [last]
    if last.stride <= stride or deepest(stages, stride) is None:
        raise InputError(
            f"FCN-{stride}s needs a map of stride {stride} and coarser ones; the network's strides are "
            f"{strides(stages)}. Take the head 'fcn' or 'fcn32s', or a larger output stride"
        )
    finer = [deepest(stages, there) for there in (16, 8, 4, 2, 1) if stride <= there < last.stride]
    return [last, *(stage for stage in finer if stage is not None)]


@final
class FCNHead(nn.Module):
    """A 3×3 to a fourth of the last map's channels, normalisation, ReLU, dropout, and scores: no finer map at all.

    features → logits (B, classes, h, w) on the grid of the last of `stages`, which is best kept at a stride of 8 by
    dilation. The usual FCN on residual networks, and the head of deep supervision (Zhao et al., Pyramid Scene Parsing
    Network, 2017, arXiv 1612.01105, section 3.3); torchvision's FCNHead.
    """

    def __init__(self, stages: tuple[Stage, ...], classes: int, *, dropout: float = 0.1) -> None:
        super().__init__()
        self.last = stages[-1]
        inner = max(1, self.last.channels // 4)
        self.layers = named(
            conv=conv(self.last.channels, inner, 3),
            norm=nn.BatchNorm2d(inner),
            act=RELU(),
            dropout=nn.Dropout(dropout),
        )
        self.score = scores(inner, classes)
        kaiming_fan_out_(self)
        begin_scores_(self.score)

    def forward(self, features: Features) -> Tensor:
        return self.score(self.layers(features[self.last.name]))

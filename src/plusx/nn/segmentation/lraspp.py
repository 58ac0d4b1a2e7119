"""LR-ASPP: the pooled image as a gate on the last map, and scores of two maps summed; for MobileNetV3.

Andrew Howard et al.: Searching for MobileNetV3, 2019, arXiv 1905.02244, section 6.4 and Fig. 10. As in torchvision, the
gate pools the whole map, where the paper pools 49×49 points with a stride; and the finer map is the end of its stage,
where torchvision takes the stage's first block (which a network built with late_ends=True has there).
"""

from typing import final

from torch import Tensor, nn

from plusx.core.backbone import Features
from plusx.core.stage import Stage
from plusx.nn.conv import conv, conv_norm_act, named
from plusx.nn.init import kaiming_fan_out_
from plusx.nn.segmentation.maps import begin_scores_, finer, resized, scores

WIDTH = 128
"""Maps between backbone and scores (Fig. 10)."""


@final
class LRASPP(nn.Module):
    """features → logits (B, classes, H / 8, W / 8): of a backbone whose last map has a stride of 16.

    InputError for a network without a map finer than its last, of stride 8 or less.
    """

    def __init__(self, stages: tuple[Stage, ...], classes: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.last, self.low = stages[-1], finer(stages, 8, "LR-ASPP")
        self.layer = conv_norm_act(conv(self.last.channels, WIDTH, 1))
        self.gate = named(pool=nn.AdaptiveAvgPool2d(1), conv=conv(self.last.channels, WIDTH, 1), act=nn.Sigmoid())
        self.dropout = nn.Dropout(dropout)
        self.score_low = scores(self.low.channels, classes)
        self.score = scores(WIDTH, classes)
        kaiming_fan_out_(self)
        begin_scores_(self.score_low, self.score)

    def forward(self, features: Features) -> Tensor:
        low, last = features[self.low.name], features[self.last.name]
        x = resized(self.layer(last) * self.gate(last), low)
        return self.score_low(low) + self.score(self.dropout(x))

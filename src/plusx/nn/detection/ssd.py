"""SSD: classes and moves of default boxes on maps of several scales, in one pass.

Wei Liu, Dragomir Anguelov, Dumitru Erhan, Christian Szegedy, Scott Reed, Cheng-Yang Fu, Alexander C. Berg: SSD: Single
Shot MultiBox Detector, 2015, arXiv 1512.02325. Instead of VGG's maps those of strides 8, 16 and 32 of any backbone,
without the L2 normalisation that VGG's first map needs; every further layer has stride 2, padded, so that images may
have any size.
"""

import math
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, final

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.detection.ssd import SSDHead

from plusx.core.backbone import Features
from plusx.core.errors import InputError
from plusx.core.stage import Stage
from plusx.nn.conv import named
from plusx.nn.detection.boxes import centres_from_corners, clipped, corners_from_centres, pairwise_iou
from plusx.nn.detection.default_boxes import default_boxes, shapes
from plusx.nn.detection.ground_truth import Truth, judged, of_images
from plusx.nn.detection.maps import at_strides

STRIDES: Final = (8, 16, 32)
VARIANCES: Final = (0.1, 0.2)
"""Of centres and of sizes: moves are divided by them (authors' code, github.com/weiliu89/caffe, ssd_pascal.py)."""
LONGEST: Final = math.log(1000 / 16)
"""Most that a side may grow, as a logarithm, so that it stays finite; torchvision's."""


@dataclass(frozen=True)
class Style:
    """`extras`: maps of the layers behind the backbone. For each map the `ratios` of its boxes, and their scale in
    parts of the image; one scale more than there are maps."""

    scales: tuple[float, ...]
    ratios: tuple[tuple[int, ...], ...]
    extras: tuple[int, ...]


STYLES: Final = MappingProxyType(
    {
        300: Style(
            scales=(0.07, 0.15, 0.33, 0.51, 0.69, 0.87, 1.05),
            ratios=((2,), (2, 3), (2, 3), (2, 3), (2,), (2,)),
            extras=(512, 256, 256),
        ),
        512: Style(
            scales=(0.04, 0.1, 0.26, 0.42, 0.58, 0.74, 0.9, 1.06),
            ratios=((2,), (2, 3), (2, 3), (2, 3), (2, 3), (2,), (2,)),
            extras=(512, 256, 256, 256),
        ),
    }
)
"""Section 3.4, for COCO: s_min 0.15 and 0.07 on the finest map, for images of 512 pixels 0.1 and 0.04 and a map more;
rounded as in the authors' ssd_coco.py."""


@dataclass(frozen=True)
class SSDConfig:
    """What may be changed. `style`: a name of `STYLES`, for images of about that many pixels."""

    style: Literal[300, 512] = 300
    iou: float = 0.5  # above it a default box belongs to a box: section 2.2
    negatives: int = 3  # for each positive: "Hard negative mining", section 2.2
    candidates: int = 2000  # K

    def __post_init__(self) -> None:
        if self.style not in STYLES:
            raise InputError(f"style of SSD is {self.style!r}; expected {' or '.join(map(str, STYLES))}")


@final
class SSD(nn.Module):
    """For backbones with maps of strides 8, 16 and 32: of several with one stride the last is taken.

    Raises InputError where one is missing.
    """

    def __init__(self, stages: tuple[Stage, ...], classes: int, config: SSDConfig = SSDConfig()) -> None:
        super().__init__()
        taken, style = at_strides(stages, STRIDES, "SSD"), STYLES[config.style]
        self.config, self.classes = config, classes
        self.maps, self.sides = tuple(stage.name for stage in taken), shapes(style.scales, style.ratios)
        channels = [stage.channels for stage in taken]
        self.extras = nn.ModuleList()
        for width in style.extras:
            self.extras.append(_extra(channels[-1], width))
            channels.append(width)
        self.head = SSDHead(channels, [len(sides) for sides in self.sides], classes + 1)

    def forward(self, features: Features, size: tuple[int, int]) -> Tensor:
        """features: of images of `size` (H, W) -> candidates (B, K, 6): x1, y1, x2, y2 (pixels), score 0..1, class.

        Every default box stands once for each class, best first, before suppression within the classes. K is at most
        `config.candidates`; the score of rows without a box is 0.
        """
        logits, moves, around = self._predicted(features, size)
        boxes = clipped(decoded(moves, around), size)
        scores = logits.softmax(dim=-1)[..., 1:]
        scores = torch.where((boxes[..., 2:] > boxes[..., :2]).all(dim=-1, keepdim=True), scores, 0.0).flatten(1)
        best, place = scores.topk(min(self.config.candidates, scores.shape[1]), dim=1)
        box = torch.div(place, self.classes, rounding_mode="floor")
        boxes = boxes.gather(1, box.unsqueeze(-1).expand(-1, -1, 4))
        return torch.cat((boxes, best.unsqueeze(-1), (place % self.classes).unsqueeze(-1).to(best.dtype)), dim=-1)

    def losses(self, features: Features, size: tuple[int, int], targets: Tensor) -> dict[str, Tensor]:
        """targets: (B, M, 7) as in `ground_truth` -> loss_classifier and loss_box_reg: equations 1 to 3 with α = 1.

        Cross-entropy of matched default boxes and of the `negatives` times as many unmatched ones whose own is highest,
        smooth L1 of the matched ones' moves; both divided by the number of matched ones in the batch.
        """
        logits, moves, around = self._predicted(features, size)
        with torch.no_grad():
            asked = [matched(around, truth, self.config.iou) for truth in of_images(targets)]
        labels, codes = torch.stack([label for label, _ in asked]), torch.stack([code for _, code in asked])
        entropy = F.cross_entropy(logits.flatten(0, 1), labels.clamp(min=0).flatten(), reduction="none")
        entropy = entropy.view(labels.shape)
        positive = labels > 0
        counted = positive | hardest(entropy.detach(), labels, self.config.negatives)
        number = positive.sum().clamp(min=1)
        box = F.smooth_l1_loss(moves[positive], codes[positive], reduction="sum")
        return {"loss_classifier": (entropy * counted).sum() / number, "loss_box_reg": box / number}

    def _predicted(self, features: Features, size: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
        """Logits (B, A, 1 + classes), background first; moves (B, A, 4); default boxes (A, 4)."""
        maps = [features[name] for name in self.maps]
        for extra in self.extras:
            maps.append(extra(maps[-1]))
        found = self.head(maps)
        around = default_boxes(self.sides, [(one.shape[2], one.shape[3]) for one in maps], size, maps[0].device)
        return found["cls_logits"].float(), found["bbox_regression"].float(), around


def matched(around: Tensor, truth: Truth, iou: float) -> tuple[Tensor, Tensor]:
    """What the default boxes (A, 4) stand for: labels (A,), 0 background, −1 not counted; codes (A, 4).

    Every box has the default box that overlaps it most, then every other default box the box that overlaps it most,
    above `iou`: "Matching strategy", section 2.2.
    """
    background = judged(around, truth).long() - 1
    if not len(truth.corners):
        return background, torch.zeros_like(around)
    overlap = pairwise_iou(truth.corners, around)
    most, which = overlap.max(dim=0)
    best = overlap.argmax(dim=1)
    which[best] = torch.arange(len(best), device=best.device)
    most[best] = 1.0
    labels = torch.where(most > iou, truth.labels[which] + 1, background)
    return labels, encoded(truth.corners[which], around)


def hardest(entropy: Tensor, labels: Tensor, negatives: int) -> Tensor:
    """The background of an image with the highest loss, `negatives` for each positive: (B, A) twice -> (B, A)."""
    background = labels == 0
    order = entropy.masked_fill(~background, -torch.inf).argsort(dim=1, descending=True)
    rank = order.argsort(dim=1)
    return background & (rank < negatives * (labels > 0).sum(dim=1, keepdim=True))


def encoded(boxes: Tensor, around: Tensor) -> Tensor:
    """Moves and growths (..., 4) that make `boxes` of the default boxes: equation 2, divided by the variances."""
    box, default = centres_from_corners(boxes), centres_from_corners(around)
    move = (box[..., :2] - default[..., :2]) / default[..., 2:] / VARIANCES[0]
    return torch.cat((move, (box[..., 2:] / default[..., 2:]).log() / VARIANCES[1]), dim=-1)


def decoded(codes: Tensor, around: Tensor) -> Tensor:
    """The boxes that `encoded` made codes of: (..., 4)."""
    default = centres_from_corners(around)
    centre = codes[..., :2] * VARIANCES[0] * default[..., 2:] + default[..., :2]
    sides = (codes[..., 2:] * VARIANCES[1]).clamp(max=LONGEST).exp() * default[..., 2:]
    return corners_from_centres(torch.cat((centre, sides), dim=-1))


def _extra(in_channels: int, channels: int) -> nn.Sequential:
    """1×1 to half the maps, 3×3 of stride 2: Fig. 2, conv8_2 and on; Xavier as in section 2.2."""
    first, second = nn.Conv2d(in_channels, channels // 2, 1), nn.Conv2d(channels // 2, channels, 3, 2, 1)
    for layer in (first, second):
        nn.init.xavier_uniform_(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    return named(conv1=first, act1=nn.ReLU(inplace=True), conv2=second, act2=nn.ReLU(inplace=True))

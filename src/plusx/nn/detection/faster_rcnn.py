"""Faster R-CNN on a feature pyramid: proposals from anchors on every level, each classified and moved once more.

Shaoqing Ren, Kaiming He, Ross Girshick, Jian Sun: Faster R-CNN, 2015, arXiv 1506.01497. Tsung-Yi Lin, Piotr Dollár,
Ross Girshick, Kaiming He, Bharath Hariharan, Serge Belongie: Feature Pyramid Networks for Object Detection, 2016, arXiv
1612.03144. Version 2: Yanghao Li, Saining Xie, Xinlei Chen, Piotr Dollár, Kaiming He, Ross Girshick: Benchmarking
Detection Transfer Learning with Vision Transformers, 2021, arXiv 2111.11429, section 2 (batch normalisation, two
convolutions before the proposals, four before the classifier). Parameters, names and losses are torchvision's.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal, final

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNConvFCHead, FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.roi_heads import RoIHeads, fastrcnn_loss
from torchvision.models.detection.rpn import RegionProposalNetwork, RPNHead, concat_box_prediction_layers
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from plusx.core.backbone import Features
from plusx.core.errors import InputError
from plusx.core.stage import Stage
from plusx.nn.detection.anchors import Anchors
from plusx.nn.detection.boxes import clipped, pairwise_iou
from plusx.nn.detection.ground_truth import Truth, judged, of_images
from plusx.nn.detection.maps import at_strides
from plusx.nn.detection.proposals import Found, moved, proposals
from plusx.nn.detection.roi_align import PyramidAlign

STRIDES: Final = (4, 8, 16, 32)
SMALLEST: Final = 1e-2  # pixels; what is narrower or lower is no detection


@dataclass(frozen=True)
class FasterRCNNConfig:
    """What may be changed; the values are torchvision's. Pairs: in training, otherwise."""

    version: Literal[1, 2] = 1
    channels: int = 256  # of every level
    hidden: int = 1024  # of the layer before the classifier
    strides: tuple[int, ...] = STRIDES  # of the maps, P2 to P5; of one that stands twice the last two
    sizes: tuple[tuple[int, ...], ...] = ((32,), (64,), (128,), (256,), (512,))  # of anchors, P2 to P6, pixels
    ratios: tuple[float, ...] = (0.5, 1.0, 2.0)  # height / width
    before: tuple[int, int] = (2000, 1000)  # proposals of a level before suppression
    after: tuple[int, int] = (2000, 1000)  # of an image after it
    iou: float = 0.7  # of suppression
    least: float = 0.0  # objectness of a proposal
    candidates: int = 2000  # K

    def __post_init__(self) -> None:
        if self.version not in (1, 2):
            raise InputError(f"version of Faster R-CNN is {self.version!r}; expected 1 or 2")
        if len(self.sizes) != len(self.strides) + 1:
            raise InputError(
                f"Faster R-CNN has anchors of {len(self.sizes)} maps; its strides {self.strides} give "
                f"{len(self.strides)} and one more"
            )


@final
class FasterRCNN(nn.Module):
    """For backbones with maps of the configured strides: of several with one stride the last is taken.

    Raises InputError where one is missing.
    """

    def __init__(self, stages: tuple[Stage, ...], classes: int, config: FasterRCNNConfig = FasterRCNNConfig()) -> None:
        super().__init__()
        self.config, self.classes = config, classes
        taken, norm = (
            at_strides(stages, config.strides, "Faster R-CNN"),
            nn.BatchNorm2d if config.version == 2 else None,
        )
        self.maps, channels = tuple(stage.name for stage in taken), [stage.channels for stage in taken]
        self.fpn = FeaturePyramidNetwork(channels, config.channels, LastLevelMaxPool(), norm)
        self.anchors, self.align = Anchors(config.sizes, config.ratios), PyramidAlign()
        self.rpn = _rpn(config, self.anchors.of_a_point)
        self.roi_heads = _roi_heads(config, classes, self.align.output)

    def forward(self, features: Features, size: tuple[int, int]) -> Tensor:
        """features: of images of `size` (H, W) -> candidates (B, K, 6): x1, y1, x2, y2 (pixels), score 0..1, class.

        Every proposal stands once for each class, best first, before suppression within the classes. K is at most
        `config.candidates`; the score of rows without a box is 0.
        """
        maps = self._pyramid(features)
        objectness, deltas, anchors = self._anchored(maps, size)
        found = self._proposals(objectness, deltas, anchors, size)
        logits, codes = self._classified(maps, _with_images(found.boxes), found.there.flatten())
        images, rows = found.there.shape
        moved_boxes = self.roi_heads.box_coder.decode_single(codes, found.boxes.reshape(-1, 4))
        boxes = clipped(moved_boxes.view(images, rows, -1, 4)[:, :, 1:], size)
        large = (boxes[..., 2:] - boxes[..., :2] >= SMALLEST).all(dim=-1)
        scores = logits.softmax(dim=-1).view(images, rows, -1)[..., 1:]
        scores = torch.where(large & found.there.unsqueeze(-1), scores, 0.0).flatten(1)
        best, place = scores.topk(min(self.config.candidates, rows * self.classes), dim=1)
        boxes = boxes.flatten(1, 2).gather(1, place.unsqueeze(-1).expand(-1, -1, 4))
        return torch.cat((boxes, best.unsqueeze(-1), (place % self.classes).unsqueeze(-1).to(best.dtype)), dim=-1)

    def losses(self, features: Features, size: tuple[int, int], targets: Tensor) -> dict[str, Tensor]:
        """targets: (B, M, 7) as in `ground_truth` -> loss_objectness, loss_rpn_box_reg, loss_classifier, loss_box_reg.

        256 anchors and 512 proposals of an image are drawn, a half and a quarter of them with a box where there are as
        many. Ren et al. 2015, equation 1; torchvision's smooth L1 has β = 1 / 9.
        """
        maps, truths = self._pyramid(features), of_images(targets)
        objectness, deltas, anchors = self._anchored(maps, size)
        asked = [{"boxes": truth.corners, "labels": truth.labels + 1} for truth in truths]
        first = self._proposal_losses(objectness, deltas, torch.cat(anchors), truths, asked)
        with torch.no_grad():
            found = self._proposals(objectness, deltas, anchors, size)
            drawn = [_judged(*one) for one in zip(found.boxes, found.there, truths, strict=True)]
            drawn, _, labels, codes = self.roi_heads.select_training_samples(drawn, asked)
        if not sum(map(len, drawn)):
            whole = maps["0"].new_tensor([[0, 0, 0, size[1], size[0]]], dtype=torch.float32)
            logits, moves = self._classified(maps, whole)
            nothing = (logits.sum() + moves.sum()) * 0.0
            return {**first, "loss_classifier": nothing, "loss_box_reg": nothing}
        logits, moves = self._classified(maps, _numbered(drawn))
        classifier, regression = fastrcnn_loss(logits, moves, labels, codes)
        return {**first, "loss_classifier": classifier, "loss_box_reg": regression}

    def _pyramid(self, features: Features) -> dict[str, Tensor]:
        """P2 to P6 by torchvision's names: 0 to 3 and pool."""
        return self.fpn({str(level): features[name] for level, name in enumerate(self.maps)})

    def _anchored(self, maps: dict[str, Tensor], size: tuple[int, int]) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Objectness (B, N), moves (B, N, 4) and, level by level, the anchors (n, 4)."""
        logits, moves = self.rpn.head(list(maps.values()))
        objectness, deltas = concat_box_prediction_layers(logits, moves)
        grids = [(one.shape[2], one.shape[3]) for one in maps.values()]
        # As torchvision has it: P6 has the step that spreads its points over P5, not always 64 pixels.
        strides = self.config.strides
        last = [strides[-1] * grids[-2][axis] // grids[-1][axis] for axis in (0, 1)]
        anchors = self.anchors(grids, [*((stride, stride) for stride in strides), (last[0], last[1])])
        images = logits[0].shape[0]
        return objectness.float().view(images, -1), deltas.float().view(images, -1, 4), anchors

    def _proposals(self, objectness: Tensor, deltas: Tensor, anchors: list[Tensor], size: tuple[int, int]) -> Found:
        config, which = self.config, 0 if self.training else 1
        counts = [len(level) for level in anchors]
        boxes, scores = [], []
        parts = zip(objectness.detach().split(counts, 1), deltas.detach().split(counts, 1), anchors, strict=True)
        for logits, codes, around in parts:
            best, place = logits.topk(min(config.before[which], logits.shape[1]), dim=1)
            codes = codes.gather(1, place.unsqueeze(-1).expand(-1, -1, 4))
            moved_boxes = self.rpn.box_coder.decode_single(codes.reshape(-1, 4), around[place].reshape(-1, 4))
            boxes.append(moved_boxes.view(codes.shape))
            scores.append(best.sigmoid())
        return proposals(moved(boxes, scores, size, config.least), config.iou, config.after[which])

    def _classified(self, maps: dict[str, Tensor], boxes: Tensor, there: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """boxes: (N, 5), image's index first -> logits (N, 1 + classes), background first; moves (N, 4 · (1 + ...)).

        Both 0 where a box is not `there` (N,).
        """
        strides = self.config.strides
        cut, rows = self.align([maps[str(level)] for level in range(len(strides))], strides, boxes, there)
        logits, codes = self.roi_heads.box_predictor(self.roi_heads.box_head(cut))
        return _in_rows(logits.float(), rows, boxes.shape[0]), _in_rows(codes.float(), rows, boxes.shape[0])

    def _proposal_losses(
        self, objectness: Tensor, deltas: Tensor, anchors: Tensor, truths: list[Truth], asked: list[dict[str, Any]]
    ) -> dict[str, Tensor]:
        everywhere = [anchors] * len(truths)
        labels, matched = self.rpn.assign_targets_to_anchors(everywhere, asked)
        for label, truth in zip(labels, truths, strict=True):
            label[(label == 0) & ~judged(anchors, truth)] = -1
        if not any(bool((label >= 0).any()) for label in labels):
            return {"loss_objectness": objectness.sum() * 0.0, "loss_rpn_box_reg": deltas.sum() * 0.0}
        codes = self.rpn.box_coder.encode(matched, everywhere)
        first, second = self.rpn.compute_loss(objectness, deltas.reshape(-1, 4), labels, codes)
        return {"loss_objectness": first, "loss_rpn_box_reg": second}


def _rpn(config: FasterRCNNConfig, of_a_point: int) -> RegionProposalNetwork:
    """Positive from IoU 0.7 on (and every box's best anchor), negative below 0.3: Ren et al. 2015, 3.1.2."""
    head = RPNHead(config.channels, of_a_point, conv_depth=config.version)
    before, after = ({"training": pair[0], "testing": pair[1]} for pair in (config.before, config.after))
    unused = AnchorGenerator(config.sizes, (config.ratios,) * len(config.sizes))
    return RegionProposalNetwork(unused, head, 0.7, 0.3, 256, 0.5, before, after, config.iou)


def _roi_heads(config: FasterRCNNConfig, classes: int, side: int) -> RoIHeads:
    """Positive from IoU 0.5 on, all others negative: 512 of an image, a quarter positive."""
    if config.version == 1:
        head: nn.Module = TwoMLPHead(config.channels * side**2, config.hidden)
    else:
        layers = [config.channels] * 4
        head = FastRCNNConvFCHead((config.channels, side, side), layers, [config.hidden], nn.BatchNorm2d)
    predictor = FastRCNNPredictor(config.hidden, classes + 1)
    return RoIHeads(None, head, predictor, 0.5, 0.5, 512, 0.25, None, 0.05, 0.5, 100)


def _with_images(boxes: Tensor) -> Tensor:
    """(B, P, 4) -> (B · P, 5): the image's index first."""
    image = torch.arange(boxes.shape[0], device=boxes.device, dtype=boxes.dtype).view(-1, 1, 1)
    return torch.cat((image.expand(-1, boxes.shape[1], 1), boxes), dim=-1).reshape(-1, 5)


def _in_rows(values: Tensor, rows: Tensor, count: int) -> Tensor:
    """(M, K), each in its row of (count, K); the others 0."""
    return values.new_zeros(count, values.shape[1]).index_put((rows,), values)


def _numbered(drawn: list[Tensor]) -> Tensor:
    """The images' boxes (N, 4) in one tensor (sum of N, 5): the image's index first."""
    return torch.cat([F.pad(boxes, (1, 0), value=image) for image, boxes in enumerate(drawn)])


def _judged(boxes: Tensor, there: Tensor, truth: Truth) -> Tensor:
    """Proposals but for those that would be background in an ignored box."""
    boxes = boxes[there]
    asked = pairwise_iou(boxes, truth.corners)
    return boxes[judged(boxes, truth) | (asked >= 0.5).any(dim=1)]

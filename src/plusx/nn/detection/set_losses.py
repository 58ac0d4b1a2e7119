"""Losses of queries that stand for objects: scores that learn to be overlaps, and boxes.

Zhang et al. 2021, VarifocalNet (arXiv 2008.13367), equation 2, with α = 0.75 and γ = 2, whose target is the overlap of
the query's box (Zhao et al. 2023, RT-DETR, arXiv 2304.08069, section 4.3); L1 and generalised IoU of the boxes as in
Carion et al. 2020, DETR (arXiv 2005.12872), section 3.1. Weights 1, 5 and 2: the authors' of RT-DETR.
"""

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from plusx.nn.detection.boxes import corners_from_centres, giou, iou
from plusx.nn.detection.deformable_decoder import Answers
from plusx.nn.detection.ground_truth import Truth, judged
from plusx.nn.detection.matching import Objects, Pairs, magnified, sides

ALPHA: Final = 0.75
GAMMA: Final = 2.0
L1: Final = 5.0
GIOU: Final = 2.0


def set_losses(answers: Answers, objects: Objects, pairs: Pairs, counted: Tensor) -> dict[str, Tensor]:
    """Sums over the batch, weighted: classification, l1, giou. counted: (B, Q), may be taught to be nothing."""
    where = (pairs.images, pairs.queries)
    boxes, theirs = answers.boxes[where], objects.boxes[pairs.images, pairs.objects]
    labels = objects.labels[pairs.images, pairs.objects]
    mine, other = magnified(boxes), magnified(theirs)
    target = torch.zeros_like(answers.logits)
    target[*where, labels] = iou(mine.detach(), other)
    weight = ALPHA * answers.logits.detach().sigmoid().pow(GAMMA)
    weight[*where, labels] = target[*where, labels]
    counted = counted.clone()
    counted[where] = True
    each = binary_cross_entropy_with_logits(answers.logits, target, weight, reduction="none")
    return {
        "classification": (each * counted.unsqueeze(2)).sum(),
        "l1": L1 * (boxes - theirs).abs().sum(),
        "giou": GIOU * (1 - giou(mine, other)).sum(),
    }


@torch.no_grad()
def outside_ignored(answers: Answers, truths: Sequence[Truth], size: tuple[int, int]) -> Tensor:
    """Which queries may be taught that they stand for nothing, (B, Q)."""
    corners = corners_from_centres(answers.boxes) * sides(size, answers.boxes.device)
    return torch.stack([judged(boxes, truth) for boxes, truth in zip(corners, truths, strict=True)])

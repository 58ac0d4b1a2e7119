"""What an image asks for, out of a batch of targets: boxes, their classes, and boxes that are not to be judged by."""

from dataclasses import dataclass

import torch
from torch import Tensor

from plusx.nn.detection.boxes import areas

INSIDE = 0.5
"""What lies in an ignored box with more than this share of its area is not pushed towards background."""


@dataclass(frozen=True)
class Truth:
    """`corners`: (N, 4), `labels`: (N,), from 0; `ignored`: (I, 4), boxes of crowds and the like. Any may be empty."""

    corners: Tensor
    labels: Tensor
    ignored: Tensor


def of_images(targets: Tensor) -> list[Truth]:
    """(B, M, 7): label (−1: no box), x1, y1, x2, y2, ignored, area. One `Truth` an image; M may be 0."""
    return [_of_image(rows) for rows in targets.float()]


def judged(boxes: Tensor, truth: Truth) -> Tensor:
    """Whether a box may count as background: (N, 4) -> (N,), false where an ignored box holds most of it."""
    if not len(truth.ignored):
        return torch.ones(len(boxes), dtype=torch.bool, device=boxes.device)
    low = torch.maximum(boxes[:, None, :2], truth.ignored[None, :, :2])
    high = torch.minimum(boxes[:, None, 2:], truth.ignored[None, :, 2:])
    return (areas(torch.cat((low, high), dim=-1)) <= INSIDE * areas(boxes)[:, None]).all(dim=1)


def _of_image(rows: Tensor) -> Truth:
    rows = rows[rows[:, 0] >= 0]
    ignored = rows[:, 5] > 0
    asked = rows[~ignored]
    return Truth(asked[:, 1:5], asked[:, 0].long(), rows[ignored][:, 1:5])

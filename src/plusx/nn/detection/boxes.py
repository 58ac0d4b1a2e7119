"""Box arithmetic. Boxes are x1, y1, x2, y2 in the last dimension, in pixels from the image's upper left corner.

All of it counts in at least 32 bits whatever the precision of the network (the area of a box of 300 × 300 pixels is
beyond float16), broadcasts over the dimensions before, and exports. A box turned inside out has the area 0.
"""

import math

import torch
from torch import Tensor

EPS = 1e-7
"""Least divisor, in pixels or square pixels: without it two empty boxes give 0 / 0."""


def areas(boxes: Tensor) -> Tensor:
    """(..., 4) -> (...), square pixels."""
    return _sizes(_wide(boxes)).prod(dim=-1)


def pairwise_iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of every a with every b: (..., N, 4), (..., M, 4) -> (..., N, M), 0..1."""
    return iou(a.unsqueeze(-2), b.unsqueeze(-3))


def iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of boxes that belong together: (..., 4), (..., 4) -> (...), 0..1; 0 if both are empty."""
    intersection, union = _intersection_and_union(_wide(a), _wide(b))
    return intersection / union.clamp(min=EPS)


def giou(a: Tensor, b: Tensor) -> Tensor:
    """Generalised IoU, IoU − |C \\ (A ∪ B)| / |C|, C the smallest box around both: (..., 4) twice -> (...), −1..1.

    Has a gradient where the boxes do not touch. Rezatofighi et al. 2019, algorithm 1.
    """
    a, b = _wide(a), _wide(b)
    intersection, union = _intersection_and_union(a, b)
    hull = _sizes(_enclosing(a, b)).prod(dim=-1)
    return intersection / union.clamp(min=EPS) - (hull - union) / hull.clamp(min=EPS)


def ciou(a: Tensor, b: Tensor) -> Tensor:
    """Complete IoU, IoU − ρ² / c² − α v: (..., 4) twice -> (...), at most 1.

    ρ: distance of the centres; c: diagonal of the smallest box around both; v = 4 / π² (arctan w/h − arctan w'/h')²,
    α = v / (1 − IoU + v), which is taken as a constant. Zheng et al. 2020, equations 8 to 11.
    """
    a, b = _wide(a), _wide(b)
    overlap = iou(a, b)
    offset = (a[..., :2] + a[..., 2:] - b[..., :2] - b[..., 2:]) / 2
    diagonal = _sizes(_enclosing(a, b)).square().sum(dim=-1)
    v = 4 / math.pi**2 * (_angle(a) - _angle(b)).square()
    with torch.no_grad():
        alpha = v / (1 - overlap + v).clamp(min=EPS)
    return overlap - offset.square().sum(dim=-1) / diagonal.clamp(min=EPS) - alpha * v


def corners_from_centres(boxes: Tensor) -> Tensor:
    """Centre x, centre y, width, height -> x1, y1, x2, y2; (..., 4)."""
    centre, half = boxes[..., :2], boxes[..., 2:] / 2
    return torch.cat((centre - half, centre + half), dim=-1)


def centres_from_corners(boxes: Tensor) -> Tensor:
    """x1, y1, x2, y2 -> centre x, centre y, width, height; (..., 4)."""
    upper_left, lower_right = boxes[..., :2], boxes[..., 2:]
    return torch.cat(((upper_left + lower_right) / 2, lower_right - upper_left), dim=-1)


def corners_from_distances(points: Tensor, distances: Tensor) -> Tensor:
    """Points x, y (..., 2) and their distances to the left, top, right, bottom edge (..., 4) -> boxes (..., 4)."""
    return torch.cat((points - distances[..., :2], points + distances[..., 2:]), dim=-1)


def distances_from_corners(points: Tensor, boxes: Tensor) -> Tensor:
    """Points x, y (..., 2) and boxes (..., 4) -> left, top, right, bottom (..., 4); negative: outside.

    Tian et al. 2019 (FCOS), equation 1.
    """
    return torch.cat((points - boxes[..., :2], boxes[..., 2:] - points), dim=-1)


def clipped(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Boxes (..., 4) cut at the edges of images of this size (H, W)."""
    height, width = size
    x = boxes[..., 0::2].clamp(min=0, max=width)
    y = boxes[..., 1::2].clamp(min=0, max=height)
    return torch.stack((x[..., 0], y[..., 0], x[..., 1], y[..., 1]), dim=-1)


def _wide(boxes: Tensor) -> Tensor:
    return boxes if boxes.dtype == torch.float64 else boxes.float()


def _sizes(boxes: Tensor) -> Tensor:
    return (boxes[..., 2:] - boxes[..., :2]).clamp(min=0)


def _intersection_and_union(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    common = torch.cat((torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:])), dim=-1)
    intersection = _sizes(common).prod(dim=-1)
    return intersection, _sizes(a).prod(dim=-1) + _sizes(b).prod(dim=-1) - intersection


def _enclosing(a: Tensor, b: Tensor) -> Tensor:
    return torch.cat((torch.minimum(a[..., :2], b[..., :2]), torch.maximum(a[..., 2:], b[..., 2:])), dim=-1)


def _angle(boxes: Tensor) -> Tensor:
    """arctan w/h; atan2 and the bound keep its gradient finite where a side is 0, where that of w/h is not."""
    width, height = _sizes(boxes).clamp(min=EPS).unbind(dim=-1)
    return torch.atan2(width, height)

"""Proposals: the best of the anchors that a region proposal network has moved. Fixed sizes for the whole batch."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision.ops import batched_nms, nms

from plusx.nn.detection.boxes import clipped

SMALLEST = 1e-3
"""Pixels; what is narrower or lower after the cut at the image's edges is no proposal."""


@dataclass(frozen=True)
class Moved:
    """Boxes of all levels: `boxes` (B, N, 4) within the image, `scores` (B, N), `levels` (N,), `valid` (B, N)."""

    boxes: Tensor
    scores: Tensor
    levels: Tensor
    valid: Tensor


@dataclass(frozen=True)
class Found:
    """`boxes`: (B, P, 4), best first; `there`: (B, P), false in the rows after the last proposal of an image."""

    boxes: Tensor
    there: Tensor


def moved(boxes: Sequence[Tensor], scores: Sequence[Tensor], size: tuple[int, int], least: float) -> Moved:
    """Level by level (B, n, 4) and (B, n), 0..1, put together, cut at the edges of images of `size` (H, W)."""
    device = boxes[0].device
    levels = torch.cat([torch.full((part.shape[1],), level, device=device) for level, part in enumerate(boxes)])
    inside, joined = clipped(torch.cat(list(boxes), dim=1), size), torch.cat(list(scores), dim=1)
    large = (inside[..., 2:] - inside[..., :2] >= SMALLEST).all(dim=-1)
    return Moved(inside, joined, levels, large & (joined >= least))


def proposals(candidates: Moved, iou: float, count: int) -> Found:
    """The best `count` of each image after suppression within each level at IoU above `iou`."""
    count = min(count, candidates.boxes.shape[1])
    rows, there = (_in_a_graph if torch.compiler.is_exporting() else _one_by_one)(candidates, iou, count)
    best = candidates.boxes.gather(1, rows.unsqueeze(-1).expand(-1, -1, 4))
    return Found(torch.where(there.unsqueeze(-1), best, 0.0), there)


def _one_by_one(candidates: Moved, iou: float, count: int) -> tuple[Tensor, Tensor]:
    rows = candidates.levels.new_zeros(len(candidates.boxes), count)
    there = torch.zeros_like(rows, dtype=torch.bool)
    for image, valid in enumerate(candidates.valid):
        asked = torch.where(valid)[0]
        boxes, scores = candidates.boxes[image, asked], candidates.scores[image, asked]
        kept = asked[batched_nms(boxes, scores, candidates.levels[asked], iou)[:count]]
        rows[image, : len(kept)] = kept
        there[image, : len(kept)] = True
    return rows, there


def _in_a_graph(candidates: Moved, iou: float, count: int) -> tuple[Tensor, Tensor]:
    """One suppression for the whole batch, whose size a graph need not know: images stand side by side, levels below
    each other, and what is not valid outside. Slower than one by one for many images."""
    images, boxes = candidates.boxes.shape[:2]
    valid, extent = candidates.valid, candidates.boxes.max().ceil() + 1
    image = torch.arange(images, device=valid.device).unsqueeze(1).expand(images, boxes)
    shift = torch.stack((image, candidates.levels.expand(images, boxes)), dim=-1) * extent
    outside = torch.tensor([-2.0, -2.0, -1.0, -1.0], device=valid.device)
    apart = torch.where(valid.unsqueeze(-1), candidates.boxes + shift.repeat(1, 1, 2), outside)
    scores = torch.where(valid, candidates.scores, -1.0)
    kept = nms(apart.reshape(-1, 4), scores.reshape(-1), iou)
    last = torch.full_like(image, images * boxes).reshape(-1)
    order = last.scatter(0, kept, torch.ones_like(kept).cumsum(0) - 1).view(images, boxes)
    place, rows = torch.where(valid, order, images * boxes).topk(count, dim=1, largest=False)
    return rows, place < images * boxes

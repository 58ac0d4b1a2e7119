"""Which point learns which box: those that already classify and locate it best.

Feng et al. 2021, TOOD: Task-aligned One-stage Object Detection (arXiv 2108.07755), section 3.2: t = s^α · u^β (eq. 6)
of every point inside a box, s its score for the box's class, u the IoU of what it predicts with the box; the m points
of largest t are the box's positives, and a point that several boxes want goes to the one of largest u. Their target
score t̂ is t scaled so that each box's largest t̂ is its largest u.

Beyond the paper, for small boxes: a box has its own cell's point among the candidates even if it lies between all
points (`Grid.inside`); and beside t̂ there is t over the box's largest t, by which losses of boxes can be weighted: u of
small boxes is about 0 in the first steps, and what is weighted with 0 is not learnt. (The paper trains its first
epochs with another assignment instead.)
"""

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from plusx.nn.detection.boxes import iou
from plusx.nn.detection.grid import Grid

CELLS = 2**20
"""Pairs of a box and a point that are looked at together: what bounds the memory."""


@dataclass(frozen=True)
class Alignment:
    """m: positives of a box at most; α, β: exponents of score and IoU. The paper's section 4.1."""

    m: int = 13
    alpha: float = 1.0
    beta: float = 6.0


@dataclass(frozen=True)
class Assigned:
    """Of every point (B, P): row of its box in the targets, -1 for none; t over the largest t of the box, 0..1; target
    score t̂, 0..1; whether it is to be taught that it is background (not where it has a box, not in an ignored one)."""

    rows: Tensor
    shares: Tensor
    quality: Tensor
    background: Tensor


@dataclass(frozen=True)
class _Pairs:
    """Boxes and the points that they want, each (N,): image, row in its targets, point in its grid, t and u."""

    images: Tensor
    rows: Tensor
    points: Tensor
    t: Tensor
    u: Tensor


@torch.no_grad()
def assign(scores: Tensor, boxes: Tensor, grid: Grid, targets: Tensor, alignment: Alignment) -> Assigned:
    """scores: 0..1 (B, P, classes); boxes: predicted (B, P, 4); targets: (B, M, 7) as a batch has them; any M.

    Counts in 32 bits, in memory that M adds little to. Of boxes that overlap a point's alike the first has it.
    """
    scores, boxes, targets = scores.float(), boxes.float(), targets.float()
    (B, P), M = scores.shape[:2], targets.shape[1]
    ignored = torch.zeros(B, P, dtype=torch.bool, device=scores.device)
    found: list[_Pairs] = []
    step = max(1, CELLS // (B * P))
    for start in range(0, M, step):
        part = targets[:, start : start + step]
        images = (part[..., 0] >= 0).any(dim=1).nonzero().squeeze(1)
        part = part[images]
        inside = grid.inside(part[..., 1:5]) & (part[..., 0:1] >= 0)
        left_out = part[..., 5:6] > 0
        ignored[images] |= (inside & left_out).any(dim=1)
        pairs = _wanted(scores[images], boxes[images], inside & ~left_out, part, alignment)
        found.append(replace(pairs, images=images[pairs.images], rows=pairs.rows + start))
    rows, shares, quality = _settled(_joined(found, targets), B, P, M)
    return Assigned(rows, shares, quality, (rows < 0) & ~ignored)


def _wanted(scores: Tensor, boxes: Tensor, inside: Tensor, targets: Tensor, alignment: Alignment) -> _Pairs:
    """The at most m points inside each box that have the largest t."""
    pairs = _measured(scores, boxes, targets, alignment, inside.nonzero(as_tuple=True))
    table = pairs.t.new_full(inside.shape, -1.0).masked_scatter(inside, pairs.t)
    best, points = table.topk(min(alignment.m, inside.shape[2]), dim=2)
    images, rows, places = (best >= 0).nonzero(as_tuple=True)
    return _measured(scores, boxes, targets, alignment, (images, rows, points[images, rows, places]))


def _measured(
    scores: Tensor, boxes: Tensor, targets: Tensor, alignment: Alignment, where: tuple[Tensor, ...]
) -> _Pairs:
    """`where`: images, rows, points."""
    images, rows, points = where
    wanted = targets[images, rows]
    s = scores[images, points, wanted[:, 0].long()]
    u = iou(wanted[:, 1:5], boxes[images, points])
    return _Pairs(images, rows, points, s.pow(alignment.alpha) * u.pow(alignment.beta), u)


def _joined(found: list[_Pairs], targets: Tensor) -> _Pairs:
    if not found:
        nothing, none = targets.new_zeros(0), targets.new_zeros(0, dtype=torch.long)
        return _Pairs(none, none, none, nothing, nothing)
    return _Pairs(*(torch.cat([getattr(part, field.name) for part in found]) for field in fields(_Pairs)))


def _settled(wanted: _Pairs, B: int, P: int, M: int) -> tuple[Tensor, Tensor, Tensor]:
    """Row, share and target score of every point (B, P): of the boxes that want it, the one of largest u."""
    points, boxes = wanted.images * P + wanted.points, wanted.images * M + wanted.rows
    largest = wanted.u.new_zeros(B * P).scatter_reduce(0, points, wanted.u, "amax")
    best = wanted.u == largest[points]
    first = boxes.new_full((B * P,), B * M).scatter_reduce(0, points[best], boxes[best], "amin")
    won = boxes == first[points]
    points, boxes, t, u = points[won], boxes[won], wanted.t[won], wanted.u[won]
    largest_t = t.new_zeros(B * M).scatter_reduce(0, boxes, t, "amax")[boxes]
    largest_u = u.new_zeros(B * M).scatter_reduce(0, boxes, u, "amax")[boxes]
    share = torch.where(largest_t > 0, t / largest_t.clamp(min=torch.finfo(t.dtype).tiny), 1.0)
    rows = (first % max(M, 1)).where(first < B * M, -1)
    shares, quality = (t.new_zeros(B * P).scatter(0, points, values) for values in (share, share * largest_u))
    return rows.view(B, P), shares.view(B, P), quality.view(B, P)

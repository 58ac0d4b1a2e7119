"""Non-maximum suppression: of boxes of one class that overlap, the best stays. Whole batches, fixed sizes in and out.

candidates: (B, K, 6): x1, y1, x2, y2 in pixels, score 0..1, class index. Detections: (B, D, 6), best first; rows beyond
those found are 0, 0, 0, 0, 0, −1.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.ops import nms

from plusx.nn.detection.boxes import iou as aligned_iou

STEPS = 512
"""Parts of a pixel that overlaps are decided in. Corners that are moved by whole pixels then keep their exact distances
in 32 bits up to 2²⁴ / STEPS = 32,768 pixels, and what a box suppresses does not depend on the rest of its batch: 32
images of 640 pixels and 80 classes side by side are as large. Beyond that the distances are rounded further.
"""

POOL = 1000
"""Candidates of an image that soft suppression weighs against each other, all with all."""

SQUARE = 25_000
"""Pairs of boxes that cost a CPU as much as one more call."""

Decay: TypeAlias = Callable[[Tensor], Tensor]
"""From the IoU with a better box, any shape, to the factor 0..1 that the score is multiplied with."""


def suppressed(candidates: Tensor, iou: float, detections: int, least: float) -> Tensor:
    """The best `detections` of every image after greedy suppression within each class: (B, K, 6) -> (B, detections, 6).

    A box goes when its IoU with a better kept one of its class is above `iou`; of equal scores the earlier row is the
    better one. Candidates below `least` or with score 0 do not take part. Exports with a dynamic batch.
    """
    if candidates.is_cuda or torch.compiler.is_exporting():
        return _suppressed(candidates, iou, detections, least)
    if len(candidates) == 0:
        return candidates.new_zeros((0, detections, 6))
    # The time of a call grows with the square of its boxes: 32 images of 1,000 took 2.9 s at once, 0.15 s one by one.
    return torch.cat([_of_image(image, iou, detections, least) for image in candidates.split(1)])


def _of_image(candidates: Tensor, iou: float, detections: int, least: float) -> Tensor:
    """(1, K, 6) -> (1, detections, 6), class by class where that is faster."""
    asked = candidates[0, counted(candidates[0, :, 4], least)]
    scores, labels = asked[:, 4].float(), asked[:, 5]
    counts = labels.unique(return_counts=True)[1].tolist()
    if len(asked) ** 2 < SQUARE * len(counts):
        return _suppressed(candidates, iou, detections, least)
    boxes, groups = _rounded(asked[:, :4].float()), labels.argsort(stable=True).split(counts)
    kept = [own[nms(boxes[own], scores[own], iou)] for own in groups]
    rows = torch.cat(kept).sort().values if kept else scores.new_zeros(0, dtype=torch.int64)
    best = asked[rows[scores[rows].argsort(descending=True, stable=True)[:detections]]]
    return filled(best.unsqueeze(0), best.new_ones((1, len(best)), dtype=torch.bool), detections)


def _suppressed(candidates: Tensor, iou: float, detections: int, least: float) -> Tensor:
    images, rows = candidates.shape[:2]
    asked = counted(candidates[..., 4], least)
    scores = torch.where(asked, candidates[..., 4], 0.0).float()
    boxes = torch.cat((_apart(candidates.float(), asked).reshape(-1, 4), _always_kept(scores)))
    kept = nms(boxes, torch.cat((scores.reshape(-1), scores.new_full((2,), -1.0))), iou)
    # The order that nms gives, and not the scores, is sorted by: it has no ties, which runtimes break differently.
    last = torch.full((images * rows + 2,), images * rows, dtype=torch.int64, device=scores.device)
    order = last.scatter(0, kept, torch.ones_like(kept).cumsum(0) - 1).narrow(0, 0, images * rows).view(images, rows)
    order = torch.where(asked, order, images * rows)
    key, place = order.topk(min(detections, rows), dim=1, largest=False)
    best = candidates.gather(1, place.unsqueeze(-1).expand(-1, -1, 6))
    return filled(best, key < images * rows, detections)


def _always_kept(like: Tensor) -> Tensor:
    """Two boxes of their own, (2, 4): a recorded graph takes it that nms never keeps fewer than two."""
    return like.new_tensor([[-4.0, -4.0, -3.0, -3.0], [-6.0, -6.0, -5.0, -5.0]])


def soft_suppressed(candidates: Tensor, decay: Decay, detections: int, least: float) -> Tensor:
    """Soft-NMS: boxes that overlap a better one of their class lose score instead of going; sizes as in `suppressed`.

    `decay`: Gaussian() or Linear(). Scores of the output are the lowered ones; what falls below `least` goes. Of more
    than POOL candidates the best take part. Bodla et al. 2017, figure 2.
    """
    asked = counted(candidates[..., 4], least)
    scores = torch.where(asked, candidates[..., 4], 0.0)
    if candidates.shape[1] > POOL:
        scores, order = scores.topk(POOL, dim=1)
        candidates = _taken(candidates, order)
    factors = _factors(candidates, scores > 0, decay).to(scores.dtype)
    found, places = [], []
    for _ in range(min(detections, candidates.shape[1])):  # few operations: an exported graph has all rounds in a row
        score, place = scores.max(dim=1, keepdim=True)
        found.append(score)
        places.append(place)
        scores = scores * _taken(factors, place).squeeze(1)
    best, score = _taken(candidates, torch.cat(places, dim=1)), torch.cat(found, dim=1)
    rows = torch.cat((best[..., :4], score.unsqueeze(-1), best[..., 5:]), dim=-1)
    return filled(rows, counted(score, least), detections)


def _factors(candidates: Tensor, asked: Tensor, decay: Decay) -> Tensor:
    """What each box (B, K, ·) does to the score of every other (B, ·, K); to its own, which is taken then: 0."""
    boxes, labels = torch.where(asked.unsqueeze(-1), candidates[..., :4], 0.0), candidates[..., 5]
    factors = decay(aligned_iou(boxes.unsqueeze(2), boxes.unsqueeze(1)))
    same = labels.unsqueeze(2) == labels.unsqueeze(1)
    own = torch.eye(candidates.shape[1], dtype=torch.bool, device=candidates.device)
    return torch.where(same, factors, 1.0).masked_fill(own, 0.0)


def _taken(rows: Tensor, places: Tensor) -> Tensor:
    """(B, K, N), (B, D) -> (B, D, N)."""
    return rows.gather(1, places.unsqueeze(-1).expand(-1, -1, rows.shape[2]))


@dataclass(frozen=True, slots=True)
class Gaussian:
    """exp(−IoU² / σ): Bodla et al. 2017, equation 3; σ = 0.5 is theirs."""

    sigma: float = 0.5

    def __call__(self, overlap: Tensor) -> Tensor:
        return torch.exp(-overlap.square() / self.sigma)


@dataclass(frozen=True, slots=True)
class Linear:
    """1 − IoU from the IoU `iou` on, 1 below it: Bodla et al. 2017, section 3, where 0.3 is N_t."""

    iou: float = 0.3

    def __call__(self, overlap: Tensor) -> Tensor:
        return torch.where(overlap >= self.iou, 1 - overlap, 1.0)


def counted(scores: Tensor, least: float) -> Tensor:
    return (scores >= least) & (scores > 0)


def _rounded(boxes: Tensor) -> Tensor:
    return (boxes * STEPS).round() / STEPS


def _apart(candidates: Tensor, asked: Tensor) -> Tensor:
    """The boxes, moved so far that no box touches one of another image or class: (B, K, 4).

    What is not asked for becomes one box in a corner of its own, of which a single one stays: quickly done with.
    """
    boxes = torch.where(asked.unsqueeze(-1), _rounded(candidates[..., :4]), 0.0)
    boxes = boxes - boxes.min().floor()
    labels = torch.where(asked, candidates[..., 5], 0.0)
    classes, image = labels.max() + 1, torch.arange(candidates.shape[0], device=boxes.device).unsqueeze(1)
    columns = (classes * candidates.shape[0]).sqrt().ceil()  # a square: 32 bits hold more than in a line
    place = image * classes + labels
    row = (place / columns).floor()
    shift = torch.stack((place - row * columns, row), dim=-1) * (boxes.max().ceil() + 1)
    corner = torch.tensor([-2.0, -2.0, -1.0, -1.0], device=boxes.device)
    return torch.where(asked.unsqueeze(-1), boxes + torch.cat((shift, shift), dim=-1), corner)


def filled(rows: Tensor, found: Tensor, detections: int) -> Tensor:
    """(B, at most `detections`, 6) -> (B, detections, 6), the rule for empty rows applied."""
    empty = torch.tensor([0.0, 0, 0, 0, 0, -1], device=rows.device, dtype=rows.dtype)
    missing = (0, 0, 0, detections - rows.shape[1])
    return torch.where(F.pad(found, missing[2:]).unsqueeze(-1), F.pad(rows, missing), empty)

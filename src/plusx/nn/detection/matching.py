"""Which query stands for which object: the assignment of the smallest cost in sum, one query an object.

Carion et al. 2020, DETR (arXiv 2005.12872), section 3.1; the classes' cost is the focal loss's of Zhu et al. 2021,
Deformable DETR (arXiv 2010.04159), and the weights are its 2, 5 and 2.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from plusx.nn.detection.boxes import centres_from_corners, corners_from_centres, giou
from plusx.nn.detection.deformable_decoder import Answers
from plusx.nn.detection.ground_truth import Truth

CLASS_COST: Final = 2.0
L1_COST: Final = 5.0
GIOU_COST: Final = 2.0
ALPHA: Final = 0.25
GAMMA: Final = 2.0
EPS: Final = 1e-8
"""Added to scores before their logarithm: Deformable DETR's code."""


@dataclass(frozen=True)
class Objects:
    """What images ask for, filled up to the most of one: labels (B, M); boxes (B, M, 4), centre and sides in parts of
    the image's; there (B, M). `counts`: of each image, which stand first."""

    labels: Tensor
    boxes: Tensor
    there: Tensor
    counts: tuple[int, ...]

    @staticmethod
    def of(truths: Sequence[Truth], size: tuple[int, int]) -> "Objects":
        """size: H, W of the images."""
        labels = pad_sequence([truth.labels for truth in truths], batch_first=True)
        corners = pad_sequence([truth.corners for truth in truths], batch_first=True)
        counts = tuple(len(truth.labels) for truth in truths)
        order = torch.arange(labels.shape[1], device=labels.device)
        there = order < torch.tensor(counts, device=labels.device)[:, None]
        return Objects(labels, centres_from_corners(corners) / sides(size, corners.device), there, counts)

    def drawn(self, most: int) -> "Objects":
        """At most `most` of every image, drawn by torch where there are more."""
        if self.labels.shape[1] <= most:
            return self
        order = (torch.rand(self.there.shape, device=self.there.device) - self.there.float()).argsort(dim=1)[:, :most]
        labels, there = self.labels.gather(1, order), self.there.gather(1, order)
        boxes = self.boxes.gather(1, order.unsqueeze(2).expand(-1, -1, 4))
        return Objects(labels, boxes, there, tuple(min(count, most) for count in self.counts))


@dataclass(frozen=True)
class Pairs:
    """Queries and the objects they stand for, each (N,): image, query, place among the image's objects."""

    images: Tensor
    queries: Tensor
    objects: Tensor


@torch.no_grad()
def matched(answers: Answers, objects: Objects) -> Pairs:
    """The cheapest assignment in every image, found on the CPU; all objects have a query where there are as many.

    A cost that is no number counts as the largest one: of broken answers it is the loss that tells.
    """
    from scipy.optimize import linear_sum_assignment

    worst = torch.finfo(torch.float32).max
    every = torch.nan_to_num(costs(answers, objects), worst, worst, worst).cpu().numpy()
    found = [linear_sum_assignment(cost[:, :count]) for cost, count in zip(every, objects.counts, strict=True)]
    images = torch.cat([torch.full((len(queries),), image) for image, (queries, _) in enumerate(found)])
    queries, places = (torch.cat([torch.from_numpy(one[i]) for one in found]) for i in range(2))
    device = answers.boxes.device
    return Pairs(images.to(device), queries.to(device), places.to(device))


def costs(answers: Answers, objects: Objects) -> Tensor:
    """Of every query with every object, (B, Q, M)."""
    scores = answers.logits.sigmoid()
    scores = scores.gather(2, objects.labels.unsqueeze(1).expand(-1, scores.shape[1], -1))
    positive = ALPHA * (1 - scores).pow(GAMMA) * -(scores + EPS).log()
    negative = (1 - ALPHA) * scores.pow(GAMMA) * -(1 - scores + EPS).log()
    distance = torch.cdist(answers.boxes, objects.boxes, p=1)
    overlap = giou(magnified(answers.boxes).unsqueeze(2), magnified(objects.boxes).unsqueeze(1))
    return CLASS_COST * (positive - negative) + L1_COST * distance - GIOU_COST * overlap


def magnified(boxes: Tensor) -> Tensor:
    """Corners of boxes in parts of the image's, as in an image of 1,024 × 1,024 pixels: overlaps know no unit, but
    their divisors have a least value in pixels."""
    return corners_from_centres(boxes) * 1024


def sides(size: tuple[int, int], device: torch.device) -> Tensor:
    """W, H, W, H."""
    return torch.tensor([size[1], size[0]] * 2, dtype=torch.float32, device=device)

"""Queries that begin as objects of the image under noise, to learn what is to be moved back and what is none.

Li et al. 2022, DN-DETR (arXiv 2203.01305), sections 3.3 and 3.4: noise on labels and boxes, groups that do not see
each other. Zhang et al. 2022, DINO (arXiv 2203.03605), section 3.3: beside every query with little noise one with much,
which is to answer "nothing".
"""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from plusx.nn.detection.boxes import centres_from_corners, corners_from_centres
from plusx.nn.detection.deformable_decoder import EPS
from plusx.nn.detection.matching import Objects, Pairs

FLIPPED: Final = 0.25
"""Share of the labels drawn anew: half of DN-DETR's λ2 = 0.5, as in the code of DINO and RT-DETR."""


@dataclass(frozen=True)
class Noised:
    """labels (B, N), `classes` where an image has no more objects; boxes (B, N, 4) 0..1, centre and sides. There are
    `groups`, each of all objects with little noise, then of all with much."""

    labels: Tensor
    boxes: Tensor
    groups: int


def noised(objects: Objects, classes: int, queries: int) -> Noised:
    """About `queries` with little noise and as many with much, at least one of each object; drawn by torch.

    There must be an object in the batch.
    """
    most = objects.labels.shape[1]
    groups = max(1, queries // most)
    labels = torch.where(objects.there, objects.labels, classes).repeat(1, 2 * groups)
    anew = (torch.rand_like(labels, dtype=torch.float32) < FLIPPED) & (labels < classes)
    labels = torch.where(anew, torch.randint_like(labels, classes), labels)
    boxes = torch.where(objects.there.unsqueeze(2), objects.boxes, 0.0).repeat(1, 2 * groups, 1)
    much = torch.arange(labels.shape[1], device=labels.device) // most % 2
    return Noised(labels, moved(boxes, much[:, None]), groups)


def moved(boxes: Tensor, much: Tensor) -> Tensor:
    """Boxes (B, N, 4) whose edges went by less than half a side, by half to a whole one where `much` is 1 (N, 1)."""
    share = (torch.rand_like(boxes) + much) * (torch.randint_like(boxes, 2) * 2 - 1)
    corners = corners_from_centres(boxes) + share * boxes[..., 2:].repeat(1, 1, 2) / 2
    return centres_from_corners(corners.clamp(min=0, max=1)).clamp(min=EPS, max=1 - EPS)


def pairs_of(objects: Objects, groups: int) -> Pairs:
    """The queries with little noise and the objects that they were made of."""
    most = objects.labels.shape[1]
    group, image, place = objects.there.expand(groups, -1, -1).nonzero(as_tuple=True)
    return Pairs(image, group * 2 * most + place, place)


def hidden(noise: Noised, queries: int) -> Tensor:
    """Which query may not see which, (N + queries, N + queries): nobody another group, the others none of them."""
    N = noise.labels.shape[1]
    group = torch.arange(N + queries, device=noise.labels.device) * noise.groups // N
    group[N:] = noise.groups
    return (group[:, None] != group) & (group < noise.groups)

"""How well contours are met: the boundary F of Csurka, Larlus and Perronnin 2013, "What is a good evaluation measure
for semantic segmentation?", section 3.2.

B_true and B_given are the boundary pixels of one class in one image, θ the tolerance:
P = share of B_given no further than θ from B_true, R = share of B_true no further than θ from B_given,
F = 2 P R / (P + R).
"""

import math
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

TOLERANCE = 0.0075
"""θ as a share of the image's diagonal: section 3.2."""


class BoundaryScores:
    """F of every image and class that has a boundary in target or answer; keeps sums and counts alone."""

    def __init__(self, classes: int) -> None:
        self._of_classes = torch.zeros(classes, dtype=torch.float64)
        self._images_of_classes = torch.zeros(classes, dtype=torch.int64)
        self._of_images = 0.0
        self._images = 0

    def update(self, answer: Tensor, truth: Tensor, void: int) -> None:
        """One image. answer, truth: (H, W) integers; pixels that are `void` in `truth` are void in both.

        Void is a region of its own, with the same border in both: what the model says within it changes nothing.
        """
        given, true = (_Contours.of(mask, void) for mask in (torch.where(truth == void, truth, answer), truth))
        classes, radius = len(self._of_classes), max(1.0, TOLERANCE * math.hypot(*truth.shape))
        precision, recall = given.near(true, radius, classes), true.near(given, radius, classes)
        scores = 2 * precision * recall / (precision + recall).clamp(min=torch.finfo(torch.float64).tiny)
        drawn = given.counts(classes) + true.counts(classes) > 0
        if drawn.any():
            self._of_classes += scores
            self._images_of_classes += drawn
            self._of_images += float(scores[drawn].mean())
            self._images += 1

    def merge(self, other: Self) -> None:
        """Adds the images of `other`."""
        self._of_classes += other._of_classes
        self._images_of_classes += other._images_of_classes
        self._of_images += other._of_images
        self._images += other._images

    def mean(self) -> float | None:
        """Mean over images of their mean over classes (section 3.3); None if no image has a boundary."""
        return self._of_images / self._images if self._images else None

    def of_classes(self) -> list[float | None]:
        """For every class the mean over the images in which it has a boundary; None if there is none."""
        pairs = zip(self._of_classes.tolist(), self._images_of_classes.tolist(), strict=True)
        return [total / images if images else None for total, images in pairs]


def boundary(mask: Tensor) -> Tensor:
    """(H, W) bool: the pixels of a mask that have another value above, below, left or right of them in the image."""
    edge = torch.zeros_like(mask, dtype=torch.bool)
    rows, columns = mask[1:] != mask[:-1], mask[:, 1:] != mask[:, :-1]
    edge[1:] |= rows
    edge[:-1] |= rows
    edge[:, 1:] |= columns
    edge[:, :-1] |= columns
    return edge


@dataclass(frozen=True)
class _Contours:
    """The boundary pixels of all classes in one image: class, row and column of each, (N,) int64."""

    c: Tensor
    y: Tensor
    x: Tensor
    size: tuple[int, int]

    @staticmethod
    def of(mask: Tensor, void: int) -> "_Contours":
        y, x = (boundary(mask) & (mask != void)).nonzero(as_tuple=True)
        return _Contours(mask[y, x].long(), y, x, (mask.shape[0], mask.shape[1]))

    def counts(self, classes: int) -> Tensor:
        return torch.bincount(self.c, minlength=classes).cpu()

    def near(self, other: "_Contours", radius: float, classes: int) -> Tensor:
        """Of each class, the share (0..1) of pixels with one of `other`, of the same class, at most `radius` away.

        Exact: places are numbered along the rows, class by class, so that every row of the disc around a pixel is an
        interval, and sorted places tell by bisection whether any stands in it.
        """
        reach = math.floor(radius)
        height, width = (length + 2 * reach for length in self.size)
        own, others = ((e.c * height + e.y + reach) * width + e.x + reach for e in (self, other))
        others = torch.cat((others.sort().values, others.new_full((1,), torch.iinfo(torch.int64).max)))
        left = torch.arange(len(own), device=own.device)
        for row in sorted(range(-reach, reach + 1), key=abs):
            half = math.floor(math.sqrt(radius * radius - row * row))
            place = own[left] + row * width
            first = others[torch.searchsorted(others, place - half)]
            left = left[first > place + half]
        found = self.counts(classes) - torch.bincount(self.c[left], minlength=classes).cpu()
        return found.double() / self.counts(classes).clamp(min=1)

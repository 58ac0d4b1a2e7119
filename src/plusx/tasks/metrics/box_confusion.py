"""Which boxes were taken for which class, which were missed, and what was seen where nothing is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from plusx.core.details import Confusion, ImageScore
from plusx.tasks.metrics.image_boxes import Bools, Floats, ImageBoxes, Integers

BACKGROUND = "background"
LEAST_IOU = 0.5
LEAST_SCORE = 0.25
"""Detections that are less certain are not counted as answers."""


def confusion(images: Sequence[ImageBoxes], classes: Sequence[str]) -> Confusion:
    """Boxes by true class (rows) and class they were taken for; the last row and column are the background.

    Detections take boxes best first, one each, at an IoU of 0.5 or more: first boxes of their own class, then, with
    what is left on both sides, of any class. A detection that lies by half or more in an ignored box is not counted.
    """
    k = len(classes)
    counts = np.zeros((k + 1, k + 1), dtype=np.int64)
    for image in images:
        _count(image, counts)
    return Confusion((*classes, BACKGROUND), tuple(tuple(row) for row in counts.tolist()), "boxes")


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Of one image: which detections are `right` and which `wrong`, (D,), and which true boxes were `missed`, (M,).

    Those that are less certain, ignored, or lie in an ignored box are neither.
    """

    right: Bools
    wrong: Bools
    missed: Bools

    def score(self) -> ImageScore:
        """F1."""
        right, wrong, missed = (int(one.sum()) for one in (self.right, self.wrong, self.missed))
        all_told = 2 * right + wrong + missed
        return ImageScore(2 * right / all_told if all_told else None, missed, wrong)


def verdicts(image: ImageBoxes) -> Verdicts:
    """Detections take boxes as for the confusion matrix, but of their own class alone."""
    order, asked = _sure(image), np.flatnonzero(~image.ignored)
    same = image.labels[order][:, None] == image.true_labels[asked]
    taken = _taken(np.where(same, image.overlaps()[np.ix_(order, asked)], 0.0), np.full(len(order), -1))
    right, wrong, missed = np.zeros(len(image.labels), np.bool_), np.zeros(len(image.labels), np.bool_), ~image.ignored
    right[order[taken >= 0]] = True
    wrong[order] = (taken < 0) & ~(_parts_in_ignored(image)[order] >= 0.5)
    missed[asked[taken[taken >= 0]]] = False
    return Verdicts(right, wrong, missed)


def _sure(image: ImageBoxes) -> Integers:
    """The detections that count as answers, best first."""
    order = image.by_score()
    return order[image.scores[order] >= LEAST_SCORE]


def _count(image: ImageBoxes, counts: Integers) -> None:
    order = _sure(image)
    asked = np.flatnonzero(~image.ignored)
    labels, true_labels = image.labels[order], image.true_labels[asked]
    overlaps = image.overlaps()[np.ix_(order, asked)]
    same = labels[:, None] == true_labels
    taken = _taken(np.where(same, overlaps, 0.0), np.full(len(order), -1))
    taken = _taken(overlaps, taken)
    matched = taken >= 0
    nothing = len(counts) - 1
    np.add.at(counts, (true_labels[taken[matched]], labels[matched]), 1)
    counts[:, nothing] += np.bincount(np.delete(true_labels, taken[matched]), minlength=len(counts))
    wrong = ~matched & ~(_parts_in_ignored(image)[order] >= 0.5)
    counts[nothing] += np.bincount(labels[wrong], minlength=len(counts))


def _taken(overlaps: Floats, taken: Integers) -> Integers:
    """The box of every detection, −1 for none, with those that still have none, best first, having chosen."""
    taken, overlaps = taken.copy(), overlaps.copy()
    overlaps[:, taken[taken >= 0]] = 0
    for d in np.flatnonzero((taken < 0) & (overlaps >= LEAST_IOU).any(axis=1)):
        box = int(overlaps[d].argmax())
        if overlaps[d, box] >= LEAST_IOU:
            taken[d] = box
            overlaps[:, box] = 0
    return taken


def _parts_in_ignored(image: ImageBoxes) -> Floats:
    """The largest part of every detection that one ignored box of its class holds, (D,), 0..1."""
    boxes, labels = image.true_corners[image.ignored], image.true_labels[image.ignored]
    upper_left = np.maximum(image.corners[:, None, :2], boxes[:, :2])
    lower_right = np.minimum(image.corners[:, None, 2:], boxes[:, 2:])
    common = (lower_right - upper_left).clip(0).prod(axis=-1) * (image.labels[:, None] == labels)
    areas = (image.corners[:, 2:] - image.corners[:, :2]).clip(1e-9).prod(axis=-1)
    return (common / areas[:, None]).max(axis=1, initial=0.0)

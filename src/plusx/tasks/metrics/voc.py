"""Pascal VOC's average precision at IoU 0.5: Everingham et al. 2010, section 4.2, with the area under the whole curve,
as VOC counts it since 2010. Boxes are continuous here; VOC counts pixels, so that its boxes are one pixel larger.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from plusx.tasks.metrics.image_boxes import Bools, Floats, ImageBoxes, Integers

LEAST_IOU = 0.5


@dataclass(frozen=True, slots=True)
class ClassDetections:
    """One class over all images. scores: (N,), best first; right: (N,) bool. boxes: how many there are to find."""

    scores: Floats
    right: Bools
    boxes: int

    def average_precision(self) -> float | None:
        """Σ (R_n − R_{n−1}) · max_{m ≥ n} P_m; None without a box to find."""
        if self.boxes == 0:
            return None
        found = np.cumsum(self.right)
        precision = found / np.arange(1, len(found) + 1)
        reached = np.maximum.accumulate(precision[::-1])[::-1]
        return float(reached[self.right].sum() / self.boxes)  # recall only grows at the right ones

    def at_best_f1(self) -> tuple[float | None, float | None, float | None, float | None]:
        """Precision, recall, F1 at the threshold of the score where F1 is highest, of equal ones at the highest; and
        that threshold."""
        if len(self.scores) == 0:
            nothing = 0.0 if self.boxes else None
            return None, nothing, nothing, None
        step = np.append(self.scores[1:] != self.scores[:-1], True)  # equal scores cannot be told apart by a threshold
        found, given = np.cumsum(self.right)[step], np.flatnonzero(step) + 1
        f1 = 2 * found / (given + self.boxes)
        best = int(f1.argmax())
        recall = float(found[best] / self.boxes) if self.boxes else None
        return float(found[best] / given[best]), recall, float(f1[best]), float(self.scores[step][best])

    @classmethod
    def of(cls, scores: Floats, right: Bools, boxes: int) -> Self:
        """From detections in any order; of equal scores the earlier one is the better one."""
        order = np.argsort(-scores, kind="stable")
        return cls(scores[order], right[order], boxes)


def by_class(images: Sequence[ImageBoxes], classes: int) -> tuple[ClassDetections, ...]:
    """Detections of every class, right or wrong; those of ignored boxes are left out, and so are these boxes."""
    verdicts = np.concatenate([_verdicts(image) for image in images])
    scores = np.concatenate([image.scores for image in images])
    labels = np.concatenate([image.labels for image in images])
    asked = np.concatenate([image.true_labels[~image.ignored] for image in images])
    return tuple(
        ClassDetections.of(scores[own], verdicts[own] == 1, int((asked == c).sum()))
        for c in range(classes)
        for own in [(labels == c) & (verdicts >= 0)]
    )


def _verdicts(image: ImageBoxes) -> Integers:
    """1 right, 0 wrong, −1 neither: (D,). A detection belongs to the box of its class that it overlaps most; of several
    that belong to one box the best is right and the others are wrong.
    """
    verdicts = np.zeros(len(image.labels), dtype=np.int64)
    if len(image.true_labels) == 0:
        return verdicts
    order = image.by_score()
    same = image.labels[:, None] == image.true_labels
    overlaps = np.where(same, image.overlaps(), -1.0)[order]
    box = overlaps.argmax(axis=1)
    touching = overlaps.max(axis=1) >= LEAST_IOU
    belongs = np.where(touching, box, -1)
    _, first = np.unique(belongs, return_index=True)
    verdicts[order[first]] = 1
    verdicts[order[~touching]] = 0
    verdicts[order[touching & image.ignored[box]]] = -1
    return verdicts

"""Metrics of semantic segmentation, counted pixel by pixel over the whole data set."""

from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor

from plusx.core.details import ClassScore, Confusion, Details, ImageScore
from plusx.core.errors import InputError
from plusx.core.masks import VOID
from plusx.tasks.metrics import checks
from plusx.tasks.metrics.boundary import BoundaryScores
from plusx.tasks.metrics.counts import Counts
from plusx.tasks.metrics.ranking import mean_of_defined


class SegmentMetrics:
    """miou (primary), dice, pixel-accuracy, mean-accuracy, boundary-f; all 0..1.

    Of each class, over all pixels of all images that are not void: IoU = TP / (TP + FP + FN),
    Dice = 2 TP / (2 TP + FP + FN), accuracy = TP / (TP + FN). miou and dice are means over the classes that occur in
    targets or answers, mean-accuracy over those that occur in targets. boundary-f is Csurka et al. 2013: contours met
    within 0.75 % of the image's diagonal (at least 1 pixel), by image; left out where no image has a boundary.
    Keeps counts alone, in 64 bits, and a score an image: the mean IoU of the classes that occur in it.
    """

    primary = "miou"
    higher_is_better = True

    def __init__(self, classes: Sequence[str]) -> None:
        k = len(classes)
        self.classes = tuple(classes)
        self._confusion = torch.zeros(k * k, dtype=torch.int64)
        self._images: list[ImageScore] = []
        self._images_of_classes = torch.zeros(k, dtype=torch.int64)
        self._boundaries = BoundaryScores(k)

    def update(self, outputs: Tensor, targets: Tensor, views: Sequence[Any] = ()) -> None:
        """outputs: logits (B, K, H, W). targets: (B, H, W) uint8, 255 void. The same pixels: views are not needed.

        NonFiniteOutputError for NaN or infinity, InputError for a class index that the model does not have.
        """
        assert outputs.shape[1] == len(self.classes)
        assert (len(outputs), *outputs.shape[2:]) == targets.shape
        checks.only_finite(outputs)
        self.count(outputs.detach().argmax(dim=1), targets)

    def count(self, answers: Tensor, targets: Tensor) -> None:
        """As `update`, for class indices (B, H, W) int64 that are known already."""
        truths = targets.detach().to(answers.device, torch.int64)
        for answer, truth in zip(answers, truths, strict=True):
            self._count(answer, truth)
            self._boundaries.update(answer, truth, VOID)

    def _count(self, answer: Tensor, truth: Tensor) -> None:
        k = len(self.classes)
        counted = truth != VOID
        known = truth[counted]
        if len(known) and not 0 <= int(known.min()) <= int(known.max()) < k:
            raise InputError(
                f"Targets hold class indices from {int(known.min())} to {int(known.max())}, but the model has "
                f"{k} classes, counted from 0; {VOID} is void. Score it on data with the classes it was trained on."
            )
        matrix = torch.bincount(known * k + answer[counted], minlength=k * k).cpu()
        self._confusion += matrix
        self._images_of_classes += matrix.view(k, k).sum(dim=1) > 0
        self._images.append(ImageScore(mean_of_defined(_counts(matrix.view(k, k)).iou())))

    def merge(self, other: Self) -> None:
        """As if the images of `other` had come after one's own."""
        self._confusion += other._confusion
        self._images += other._images
        self._images_of_classes += other._images_of_classes
        self._boundaries.merge(other._boundaries)

    def compute(self) -> dict[str, float]:
        """Name → value, 0..1. InputError if no pixel was counted."""
        self._check_some()
        return {name: value for name, value in self._values().items() if value is not None}

    def _values(self) -> dict[str, float | None]:
        counts = _counts(self._matrix())
        return {
            "miou": mean_of_defined(counts.iou()),
            "dice": mean_of_defined(counts.f1()),
            "pixel-accuracy": int(counts.true_positive.sum()) / int(self._confusion.sum()),
            "mean-accuracy": mean_of_defined(counts.recall()),
            "boundary-f": self._boundaries.mean(),
        }

    def details(self) -> Details:
        """Per-class table and confusion matrix, in pixels. InputError if no pixel was counted."""
        self._check_some()
        counts, support = _counts(self._matrix()), self._images_of_classes.tolist()
        rankings = zip(counts.iou(), self._boundaries.of_classes(), strict=True)
        named = [{"IoU": iou, "boundary F": boundary} for iou, boundary in rankings]
        defined = [{name: value for name, value in row.items() if value is not None} for row in named]
        columns = zip(self.classes, support, counts.precision(), counts.recall(), counts.f1(), defined, strict=True)
        undefined = tuple(name for name, value in self._values().items() if value is None)
        return Details(
            classes=tuple(ClassScore(*row) for row in columns),
            confusion=Confusion(self.classes, tuple(tuple(row) for row in self._matrix().tolist()), "pixels"),
            images=tuple(self._images),
            undefined=undefined,
            why="no mask has two classes that touch" if undefined else "",
        )

    def _check_some(self) -> None:
        checks.some(len(self._images))
        if not int(self._confusion.sum()):
            raise InputError(
                f"Nothing to score: all pixels of the {len(self._images)} masks are void ({VOID}). Give masks that "
                "hold classes."
            )

    def _matrix(self) -> Tensor:
        return self._confusion.view(len(self.classes), len(self.classes))


def _counts(matrix: Tensor) -> Counts:
    right = matrix.diagonal()
    return Counts(right, matrix.sum(dim=0) - right, matrix.sum(dim=1) - right)

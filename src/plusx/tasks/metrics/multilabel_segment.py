"""Metrics of masks that may overlap, counted pixel by pixel over the whole data set."""

from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor

from plusx.core.details import ClassScore, Details
from plusx.core.errors import InputError
from plusx.core.masks import VOID
from plusx.tasks.metrics import checks
from plusx.tasks.metrics.counts import Counts
from plusx.tasks.metrics.ranking import mean_of_defined


class MultiLabelSegmentMetrics:
    """miou (primary), dice, pixel-accuracy; all 0..1.

    Of each class, over all pixels of all images that are not void for it: IoU = TP / (TP + FP + FN),
    Dice = 2 TP / (2 TP + FP + FN). Both are means over the classes that occur in targets or answers; 1 where none does
    in either, for then all is right. pixel-accuracy is the share of right answers among all, one a pixel and class.
    Keeps counts alone, in 64 bits.
    """

    primary = "miou"
    higher_is_better = True

    def __init__(self, classes: Sequence[str], least: float = 0.0) -> None:
        """least: the logit from which on a pixel has a class."""
        self.classes = tuple(classes)
        self.least = least
        self._counts = torch.zeros(4, len(classes), dtype=torch.int64)  # TP, FP, FN, TN
        self._images = 0
        self._images_of_classes = torch.zeros(len(classes), dtype=torch.int64)

    def update(self, outputs: Tensor, targets: Tensor, views: Sequence[Any] = ()) -> None:
        """outputs: logits (B, K, H, W). targets: (B, K, H, W) uint8: 0, 1, or 255 for void.

        NonFiniteOutputError for NaN or infinity.
        """
        assert outputs.shape[1] == len(self.classes)
        assert outputs.shape == targets.shape
        checks.only_finite(outputs)
        given, truths = outputs.detach() >= self.least, targets.detach().to(outputs.device)
        counted, true = truths != VOID, truths == 1
        each = (given & true, given & ~true & counted, ~given & true, ~given & ~true & counted)
        self._counts += torch.stack([found.sum(dim=(0, 2, 3)) for found in each]).cpu()
        self._images_of_classes += true.flatten(2).any(dim=2).sum(dim=0).cpu()
        self._images += len(targets)

    def merge(self, other: Self) -> None:
        """Adds the images of `other`."""
        self._counts += other._counts
        self._images_of_classes += other._images_of_classes
        self._images += other._images

    def compute(self) -> dict[str, float]:
        """Name → value, 0..1. InputError if no pixel was counted."""
        self._check_some()
        counts = Counts(*self._counts[:3])
        right = int(self._counts[0].sum() + self._counts[3].sum())
        miou, dice = mean_of_defined(counts.iou()), mean_of_defined(counts.f1())
        return {
            "miou": 1.0 if miou is None else miou,
            "dice": 1.0 if dice is None else dice,
            "pixel-accuracy": right / int(self._counts.sum()),
        }

    def details(self) -> Details:
        """Per-class table, in pixels. InputError if no pixel was counted."""
        self._check_some()
        counts, support = Counts(*self._counts[:3]), self._images_of_classes.tolist()
        rankings = [{} if iou is None else {"IoU": iou} for iou in counts.iou()]
        columns = zip(self.classes, support, counts.precision(), counts.recall(), counts.f1(), rankings, strict=True)
        return Details(classes=tuple(ClassScore(*row) for row in columns))

    def _check_some(self) -> None:
        checks.some(self._images)
        if not int(self._counts.sum()):
            raise InputError(f"Nothing to score: all pixels of the {self._images} masks are void ({VOID}).")

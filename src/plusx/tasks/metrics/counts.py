"""Precision, recall and F1 of classes from their counts."""

from dataclasses import dataclass

from torch import Tensor

from plusx.tasks.metrics.ranking import mean_of_defined


@dataclass(frozen=True)
class Counts:
    """Per class, (classes,) int64: images (or pixels) that have it and were given it, were wrongly given it, wrongly
    not."""

    true_positive: Tensor
    false_positive: Tensor
    false_negative: Tensor

    def precision(self) -> list[float | None]:
        """None for a class that was never given."""
        return _ratios(self.true_positive, self.true_positive + self.false_positive)

    def recall(self) -> list[float | None]:
        """None for a class that no image has."""
        return _ratios(self.true_positive, self.true_positive + self.false_negative)

    def f1(self) -> list[float | None]:
        """2 TP / (2 TP + FP + FN); None for a class that no image has and that was never given."""
        return _ratios(2 * self.true_positive, 2 * self.true_positive + self.false_positive + self.false_negative)

    def iou(self) -> list[float | None]:
        """TP / (TP + FP + FN), Jaccard's index; None for a class that is neither there nor given."""
        return _ratios(self.true_positive, self.true_positive + self.false_positive + self.false_negative)

    def macro_f1(self) -> float:
        """Mean F1 of the classes that occur in targets or predictions; 0 if none does."""
        return mean_of_defined(self.f1()) or 0.0

    def micro_f1(self) -> float:
        """F1 of all decisions together; 0 if no class occurs in targets or predictions."""
        tp, fp, fn = (int(t.sum()) for t in (self.true_positive, self.false_positive, self.false_negative))
        return 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else 0.0


def _ratios(numerators: Tensor, denominators: Tensor) -> list[float | None]:
    pairs = zip(numerators.tolist(), denominators.tolist(), strict=True)
    return [numerator / denominator if denominator else None for numerator, denominator in pairs]

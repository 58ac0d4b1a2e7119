"""Metrics of multi-label classification."""

from collections.abc import Callable, Sequence
from typing import Self, TypeAlias

import torch
from torch import Tensor

from plusx.core.details import ClassScore, Details
from plusx.core.view import View
from plusx.tasks.metrics import checks
from plusx.tasks.metrics.counts import Counts
from plusx.tasks.metrics.ranking import auroc, average_precision, mean_of_defined

Ranking: TypeAlias = Callable[[Tensor, Tensor], float | None]


class MultiLabelMetrics:
    """map (primary; mean over classes of the average precision), micro-f1, macro-f1, subset-accuracy, auroc (macro).

    map needs no threshold, which is why it is the primary one; the F1 scores and subset-accuracy (all classes of an
    image right) are those at the task's threshold. Classes that no image has do not count in map and auroc; map is 0
    if no class occurs at all, auroc is left out if no class has both positives and negatives.
    Keeps 5 bytes an image and class, since ranking needs every score at the end.
    """

    primary = "map"
    higher_is_better = True

    def __init__(self, classes: Sequence[str], threshold: float) -> None:
        self.classes = tuple(classes)
        self.threshold = threshold
        self._scores: list[Tensor] = [torch.empty(0, len(classes))]
        self._truths: list[Tensor] = [torch.empty(0, len(classes), dtype=torch.bool)]

    def update(self, outputs: Tensor, targets: Tensor, views: Sequence[View] = ()) -> None:
        """outputs: logits (B, classes). targets: (B, classes), at least 0.5 where the image has the class.

        NonFiniteOutputError for NaN or infinity.
        """
        self._scores.append(checks.finite(outputs).sigmoid())
        self._truths.append(targets.detach().cpu() >= 0.5)

    def merge(self, other: Self) -> None:
        """As if the images of `other` had come after one's own."""
        self._scores += other._scores
        self._truths += other._truths

    def compute(self) -> dict[str, float]:
        """Name → value, 0..1. InputError if no image was counted."""
        scores, truths = self._all()
        counts = self._counts(scores, truths)
        values: dict[str, float | None] = {
            "map": mean_of_defined(_each(average_precision, scores, truths)) or 0.0,
            "micro-f1": counts.micro_f1(),
            "macro-f1": counts.macro_f1(),
            "subset-accuracy": float(((scores >= self.threshold) == truths).all(dim=1).double().mean()),
            "auroc": mean_of_defined(_each(auroc, scores, truths)),
        }
        return {name: value for name, value in values.items() if value is not None}

    def details(self) -> Details:
        """Per-class table. InputError if no image was counted."""
        scores, truths = self._all()
        counts = self._counts(scores, truths)
        rankings = zip(_each(average_precision, scores, truths), _each(auroc, scores, truths), strict=True)
        named = [{"AP": precision, "AUROC": area} for precision, area in rankings]
        defined = [{name: value for name, value in row.items() if value is not None} for row in named]
        support = truths.sum(dim=0).tolist()
        columns = zip(self.classes, support, counts.precision(), counts.recall(), counts.f1(), defined, strict=True)
        return Details(classes=tuple(ClassScore(*row) for row in columns))

    def _all(self) -> tuple[Tensor, Tensor]:
        scores, truths = torch.cat(self._scores), torch.cat(self._truths)
        checks.some(len(scores))
        return scores, truths

    def _counts(self, scores: Tensor, truths: Tensor) -> Counts:
        given = scores >= self.threshold
        return Counts((given & truths).sum(dim=0), (given & ~truths).sum(dim=0), (~given & truths).sum(dim=0))


def _each(metric: Ranking, scores: Tensor, truths: Tensor) -> list[float | None]:
    columns = zip(scores.T.contiguous(), truths.T.contiguous(), strict=True)
    return [metric(own_scores, own_truths) for own_scores, own_truths in columns]

"""Metrics of single-label classification, counted batch by batch."""

from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor

from plusx.core.details import ClassScore, Confusion, Details
from plusx.core.errors import InputError
from plusx.core.view import View
from plusx.tasks.metrics import checks
from plusx.tasks.metrics.calibration import Reliability
from plusx.tasks.metrics.counts import Counts
from plusx.tasks.metrics.ranking import auroc, mean_of_defined

SCORES_KEPT = 100_000_000
"""AUROC needs every score again at the end: up to this many (400 MB) are kept, beyond it AUROC is left out."""

CHUNK = 4096
"""Images that are counted at a time, so that all outputs of a split can be given at once."""


class ClassifyMetrics:
    """accuracy (primary), top-5, balanced-accuracy, macro-f1, auroc (one against the rest, macro), ece, nll.

    accuracy is what published results and users mean first; where classes are of very unequal size, look at
    balanced-accuracy and macro-f1, which give every class the same say. top-5 is left out with up to five classes,
    where it is always 1, and auroc where it is undefined: all images of one class.
    nll: −log of the probability of the true class, in nats.
    """

    primary = "accuracy"
    higher_is_better = True

    def __init__(self, classes: Sequence[str]) -> None:
        k = len(classes)
        self.classes = tuple(classes)
        self._confusion = torch.zeros(k * k, dtype=torch.int64)
        self._in_top_5 = 0
        self._nll = 0.0
        self._reliability = Reliability()
        self._scores: list[Tensor] | None = []
        self._truths: list[Tensor] = []

    def update(self, outputs: Tensor, targets: Tensor, views: Sequence[View] = ()) -> None:
        """outputs: logits (B, classes). targets: (B,) int64, or probabilities (B, classes) of which the largest counts.

        NonFiniteOutputError for NaN or infinity, InputError for a class index that the model does not have.
        """
        logits = checks.finite(outputs)
        truth = self._indices(targets)
        for some_logits, some_truth in zip(logits.split(CHUNK), truth.split(CHUNK), strict=True):
            self._count(some_logits, some_truth)

    def _count(self, logits: Tensor, truth: Tensor) -> None:
        k = len(self.classes)
        probabilities = logits.softmax(dim=1)
        confidence, answer = probabilities.max(dim=1)
        self._confusion += torch.bincount(truth * k + answer, minlength=k * k)
        self._reliability.update(confidence, answer == truth)
        self._in_top_5 += int((_places_above(logits, truth) < 5).sum())
        self._nll -= float(logits.double().log_softmax(dim=1).gather(1, truth[:, None]).sum())
        self._keep(probabilities, truth)

    def merge(self, other: Self) -> None:
        """As if the images of `other` had come after one's own."""
        self._confusion += other._confusion
        self._in_top_5 += other._in_top_5
        self._nll += other._nll
        self._reliability.merge(other._reliability)
        if other._scores is None:
            self._scores, self._truths = None, []
        for probabilities, truth in zip(other._scores or (), other._truths, strict=True):
            self._keep(probabilities, truth)

    def compute(self) -> dict[str, float]:
        """Name → value, 0..1 except nll. InputError if no image was counted."""
        images = int(self._confusion.sum())
        checks.some(images)
        counts = self._counts()
        values: dict[str, float | None] = {
            "accuracy": int(counts.true_positive.sum()) / images,
            "top-5": self._in_top_5 / images if len(self.classes) > 5 else None,
            "balanced-accuracy": mean_of_defined(counts.recall()),
            "macro-f1": counts.macro_f1(),
            "auroc": mean_of_defined(self._aurocs()),
            "ece": self._reliability.error(),
            "nll": self._nll / images,
        }
        return {name: value for name, value in values.items() if value is not None}

    def details(self) -> Details:
        """Per-class table, confusion matrix and reliability. InputError if no image was counted."""
        matrix = self._matrix()
        checks.some(int(matrix.sum()))
        confusion = Confusion(self.classes, tuple(tuple(row) for row in matrix.tolist()))
        return Details(classes=self._class_scores(), confusion=confusion, reliability=self._reliability.table())

    def _class_scores(self) -> tuple[ClassScore, ...]:
        counts = self._counts()
        support = self._matrix().sum(dim=1).tolist()
        columns = zip(
            self.classes, support, counts.precision(), counts.recall(), counts.f1(), self._aurocs(), strict=True
        )
        return tuple(
            ClassScore(name, n, precision, recall, f1, {} if area is None else {"AUROC": area})
            for name, n, precision, recall, f1, area in columns
        )

    def _indices(self, targets: Tensor) -> Tensor:
        targets = targets.detach().cpu()
        truth = targets.argmax(dim=1) if targets.is_floating_point() else targets
        if len(truth) and not 0 <= int(truth.min()) <= int(truth.max()) < len(self.classes):
            raise InputError(
                f"Targets hold class indices from {int(truth.min())} to {int(truth.max())}, but the model has "
                f"{len(self.classes)} classes, counted from 0. Score it on data with the classes it was trained on."
            )
        return truth

    def _keep(self, probabilities: Tensor, truth: Tensor) -> None:
        if self._scores is None:
            return
        self._scores.append(probabilities)
        self._truths.append(truth)
        if sum(scores.numel() for scores in self._scores) > SCORES_KEPT:
            self._scores, self._truths = None, []

    def _matrix(self) -> Tensor:
        return self._confusion.view(len(self.classes), len(self.classes))

    def _counts(self) -> Counts:
        matrix = self._matrix()
        right = matrix.diagonal()
        return Counts(right, matrix.sum(dim=0) - right, matrix.sum(dim=1) - right)

    def _aurocs(self) -> list[float | None]:
        if not self._scores:
            return [None] * len(self.classes)
        scores, truth = torch.cat(self._scores).T.contiguous(), torch.cat(self._truths)
        return [auroc(scores[c], truth == c) for c in range(len(self.classes))]


def _places_above(logits: Tensor, truth: Tensor) -> Tensor:
    """How many classes rank before the true one, (B,); of equal ones the earlier ranks first, as in predictions."""
    own = logits.gather(1, truth[:, None])
    earlier = torch.arange(logits.shape[1]) < truth[:, None]
    return ((logits > own) | ((logits == own) & earlier)).sum(dim=1)

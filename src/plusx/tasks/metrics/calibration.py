"""Does a probability of 0.8 mean right in 80 of 100 cases?"""

from typing import Self

import torch
from torch import Tensor

from plusx.core.details import ReliabilityBin

BINS = 15  # Guo et al. 2017, section 5


class Reliability:
    """Counts images by confidence in intervals ((m−1)/M, m/M], M = 15: Guo et al. 2017, section 2."""

    def __init__(self) -> None:
        self._count = torch.zeros(BINS, dtype=torch.int64)
        self._right = torch.zeros(BINS, dtype=torch.int64)
        self._confidence = torch.zeros(BINS, dtype=torch.float64)
        self._inner_edges = torch.arange(1, BINS) / BINS

    def update(self, confidence: Tensor, right: Tensor) -> None:
        """confidence: (B,) in 0..1, of the answer given. right: (B,) bool."""
        bins = torch.bucketize(confidence, self._inner_edges)
        self._count += torch.bincount(bins, minlength=BINS)
        self._right += torch.bincount(bins[right], minlength=BINS)
        self._confidence.index_add_(0, bins, confidence.double())

    def merge(self, other: Self) -> None:
        """Adds the images of `other`."""
        self._count += other._count
        self._right += other._right
        self._confidence += other._confidence

    def error(self) -> float:
        """Expected calibration error, Σ_m n_m / n · |accuracy_m − confidence_m|: Guo et al. 2017, equation 3."""
        return float((self._right - self._confidence).abs().sum() / self._count.sum())

    def table(self) -> tuple[ReliabilityBin, ...]:
        """The intervals that hold any image."""
        rows = zip(self._count.tolist(), self._confidence.tolist(), self._right.tolist(), strict=True)
        return tuple(
            ReliabilityBin(m / BINS, (m + 1) / BINS, count, confidence / count, right / count)
            for m, (count, confidence, right) in enumerate(rows)
            if count
        )

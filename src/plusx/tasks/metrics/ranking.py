"""Metrics of one class that go by the order of the scores; equal scores are treated as one step, never by chance."""

import torch
from torch import Tensor


def auroc(scores: Tensor, positive: Tensor) -> float | None:
    """Probability that a positive scores above a negative, ties counting half; None without both.

    scores: (N,). positive: (N,) bool. The rank-sum statistic: Hanley and McNeil 1982.
    """
    positives = int(positive.sum())
    negatives = len(positive) - positives
    if positives == 0 or negatives == 0:
        return None
    _, group, sizes = torch.unique(scores, return_inverse=True, return_counts=True)
    last = sizes.double().cumsum(0)
    mean_rank = last - (sizes.double() - 1) / 2
    rank_sum = mean_rank[group][positive].sum()
    return float((rank_sum - positives * (positives + 1) / 2) / (positives * negatives))


def average_precision(scores: Tensor, positive: Tensor) -> float | None:
    """Σ_n (R_n − R_{n−1}) P_n over all thresholds, without interpolation; None without positives.

    scores: (N,). positive: (N,) bool. R, P: recall and precision of what scores at least the n-th threshold.
    """
    positives = int(positive.sum())
    if positives == 0:
        return None
    _, group, sizes = torch.unique(-scores, return_inverse=True, return_counts=True)
    gained = torch.zeros(len(sizes), dtype=torch.float64).index_add_(0, group, positive.double())
    precision = gained.cumsum(0) / sizes.double().cumsum(0)
    return float((gained / positives * precision).sum())


def mean_of_defined(values: list[float | None]) -> float | None:
    """Mean over the classes that have a value; None if none has."""
    defined = [value for value in values if value is not None]
    return sum(defined) / len(defined) if defined else None

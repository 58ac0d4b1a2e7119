"""Losses of scores that say how good a box is, and of edges that are distributions.

Li et al. 2020, Generalized Focal Loss (arXiv 2006.04388).
"""

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy


def quality_focal(logits: Tensor, quality: Tensor, gamma: float = 2.0) -> Tensor:
    """|q − s|^γ · BCE(s, q) of every element, s = sigmoid(logits), q 0..1 of one shape; eq. 5 (its β is γ)."""
    logits, quality = logits.float(), quality.float()
    loss = binary_cross_entropy_with_logits(logits, quality, reduction="none")
    return (quality - logits.sigmoid()).abs().pow(gamma) * loss if gamma else loss


def distribution_focal(logits: Tensor, values: Tensor) -> Tensor:
    """−((y_{i+1} − y) log S_i + (y − y_i) log S_{i+1}), y_i ≤ y ≤ y_{i+1} the bins beside y; eq. 6.

    logits: (N, bins) of the bins 0, 1, ..., at least two; values y: (N,) in bins, cut to 0..bins − 1. Result: (N,).
    """
    logits, values = logits.float(), values.float().clamp(min=0, max=logits.shape[1] - 1)
    left = values.floor().clamp(max=logits.shape[1] - 2)
    right_share = values - left
    below = cross_entropy(logits, left.long(), reduction="none")
    above = cross_entropy(logits, left.long() + 1, reduction="none")
    return (1 - right_share) * below + right_share * above


def expectation(logits: Tensor) -> Tensor:
    """Σ_i S_i · i of (..., bins) -> (...), 0..bins − 1, in 32 bits; eq. 3."""
    bins = torch.arange(logits.shape[-1], device=logits.device, dtype=torch.float32)
    return (logits.float().softmax(dim=-1) * bins).sum(dim=-1)

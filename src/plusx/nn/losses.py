"""Losses, each a scalar in 32 bits whatever the precision of the network: means over the images of the batch."""

import torch.nn.functional as F
from torch import Tensor


def cross_entropy(
    logits: Tensor, targets: Tensor, class_weights: Tensor | None = None, label_smoothing: float = 0.0
) -> Tensor:
    """−Σ_c w_c q_c log p_c, averaged over the images; p = softmax(logits).

    logits: B, classes. targets: class indices (B,) int64, or probabilities q (B, classes) as mixup makes them.
    class_weights w: (classes,), positive. label_smoothing ε: q becomes (1 − ε) q + ε / classes (Szegedy et al. 2016,
    section 7).
    The sum over the batch is divided by the number of images, not by the sum of their weights: then both kinds of
    targets have the same scale, and a batch cut into parts gives the gradient of the whole.
    """
    targets = targets.float() if targets.is_floating_point() else targets
    losses = F.cross_entropy(
        logits.float(), targets, weight=class_weights, label_smoothing=label_smoothing, reduction="none"
    )
    return losses.mean()


def binary_cross_entropy(
    logits: Tensor, targets: Tensor, positive_weights: Tensor | None = None, label_smoothing: float = 0.0
) -> Tensor:
    """−(w_c t log p + (1 − t) log(1 − p)), averaged over images and classes; p = sigmoid(logits).

    logits, targets: B, classes; targets 0..1. positive_weights w: (classes,). label_smoothing ε: t becomes
    (1 − ε) t + ε / 2.
    """
    targets = targets.float() * (1.0 - label_smoothing) + label_smoothing / 2
    return F.binary_cross_entropy_with_logits(logits.float(), targets, pos_weight=positive_weights)


def squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    """(output − target)², averaged over images and columns. Both B, K."""
    return F.mse_loss(outputs.float(), targets.float())

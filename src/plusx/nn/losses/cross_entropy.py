"""Cross-entropy: −Σ_c w_c q_c log p_c, p = softmax(z).

Smoothing: Szegedy, Vanhoucke, Ioffe, Shlens, Wojna: Rethinking the Inception Architecture for Computer Vision, 2016,
arXiv 1512.00567.
"""

from dataclasses import dataclass
from typing import ClassVar, final

import torch.nn.functional as F
from torch import Tensor

from plusx.nn.losses.loss import Loss, check_share


@final
@dataclass(frozen=True)
class CrossEntropy(Loss):
    """`smoothing` ε: q becomes (1 − ε) q + ε / classes."""

    name: ClassVar[str] = "cross-entropy"
    smoothing: float = 0.0

    def __post_init__(self) -> None:
        check_share(self.name, "smoothing", self.smoothing)

    def __call__(self, scores: Tensor, targets: Tensor, class_weights: Tensor | None = None) -> Tensor:
        return cross_entropy(scores, targets, class_weights, self.smoothing)


def cross_entropy(
    logits: Tensor, targets: Tensor, class_weights: Tensor | None = None, label_smoothing: float = 0.0
) -> Tensor:
    """−Σ_c w_c q_c log p_c, averaged over the images; p = softmax(logits).

    logits: B, classes. targets: class indices (B,) int64, or probabilities q (B, classes) as mixup makes them.
    class_weights w: (classes,), positive. label_smoothing ε: q becomes (1 − ε) q + ε / classes.
    The sum over the batch is divided by the number of images, not by the sum of their weights: then both kinds of
    targets have the same scale, and a batch cut into parts gives the gradient of the whole.
    """
    targets = targets.float() if targets.is_floating_point() else targets
    losses = F.cross_entropy(
        logits.float(), targets, weight=class_weights, label_smoothing=label_smoothing, reduction="none"
    )
    return losses.mean()

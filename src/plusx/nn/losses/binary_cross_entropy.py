"""Binary cross-entropy: Σ_c −(w_c t_c log p_c + (1 − t_c) log(1 − p_c)), p = sigmoid(z): is it c, asked of each class.

For one class out of several: Wightman, Touvron, Jégou: ResNet strikes back, 2021, arXiv 2110.00476
(Beyer et al. 2020, arXiv 2006.07159, before them). A picture that mixup made of two then is of both, not half of
each: `threshold`.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal, final

import torch.nn.functional as F
from torch import Tensor

from plusx.core.errors import InputError
from plusx.nn.losses.loss import LossOfSeveral, check_share, image_weights, soft


@final
@dataclass(frozen=True)
class BinaryCrossEntropy(LossOfSeveral):
    """`smoothing` ε: t becomes (1 − ε) t + ε / classes; of several classes (1 − ε) t + ε / 2. `threshold`: then t
    becomes 1 above it, else 0, by which smoothing is lost again; None: t stays. `over_classes`: their mean, or their
    sum, which is as many times larger as there are classes. All as `BinaryCrossEntropy` of timm has it; the
    commands that repeat the paper's A2 with timm have threshold 0.2 and the mean (Alibaba-MIIL/ML_Decoder, README.md).

    Class weights weigh the image: Σ_c w_c q_c.
    """

    name: ClassVar[str] = "binary-cross-entropy"
    smoothing: float = 0.0
    threshold: float | None = None
    over_classes: Literal["mean", "sum"] = "mean"

    def __post_init__(self) -> None:
        check_share(self.name, "smoothing", self.smoothing)
        if self.threshold is not None:
            check_share(self.name, "threshold", self.threshold)
        if self.over_classes not in ("mean", "sum"):
            raise InputError(f"The loss {self.name} needs over_classes mean or sum, not {self.over_classes!r}")

    def __call__(self, scores: Tensor, targets: Tensor, class_weights: Tensor | None = None) -> Tensor:
        classes = scores.shape[1]
        t = self._decided(soft(targets, classes) * (1.0 - self.smoothing) + self.smoothing / classes)
        losses = self._of_images(scores, t, None)
        return (losses if class_weights is None else losses * image_weights(targets, class_weights)).mean()

    def of_several(self, scores: Tensor, targets: Tensor, positive_weights: Tensor | None = None) -> Tensor:
        t = self._decided(targets.float() * (1.0 - self.smoothing) + self.smoothing / 2)
        return self._of_images(scores, t, positive_weights).mean()

    def logits(self, scores: Tensor) -> Tensor:
        """log sigmoid(z): softmax makes p_c / Σ p of it, since each p_c says how probable that class is by itself."""
        return -F.softplus(-scores.float())

    def _decided(self, t: Tensor) -> Tensor:
        return t if self.threshold is None else (t > self.threshold).float()

    def _of_images(self, scores: Tensor, t: Tensor, positive_weights: Tensor | None) -> Tensor:
        losses = F.binary_cross_entropy_with_logits(scores.float(), t, pos_weight=positive_weights, reduction="none")
        return losses.mean(dim=1) if self.over_classes == "mean" else losses.sum(dim=1)


def binary_cross_entropy(
    logits: Tensor, targets: Tensor, positive_weights: Tensor | None = None, label_smoothing: float = 0.0
) -> Tensor:
    """−(w_c t log p + (1 − t) log(1 − p)), averaged over images and classes; p = sigmoid(logits).

    logits, targets: B, classes; targets 0..1. positive_weights w: (classes,). label_smoothing ε: t becomes
    (1 − ε) t + ε / 2.
    """
    return BinaryCrossEntropy(label_smoothing).of_several(logits, targets, positive_weights)

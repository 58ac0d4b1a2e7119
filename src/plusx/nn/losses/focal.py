"""Focal loss: (1 − p)^γ · −log p of the true class: what is learned hardly counts any more.

Lin, Goyal, Girshick, He, Dollár: Focal Loss for Dense Object Detection, 2017, arXiv 1708.02002. Of one
class out of several p = softmax(z); of any number p = sigmoid(z), and 1 − p where the class is absent.
"""

from dataclasses import dataclass
from typing import ClassVar, final

import torch
import torch.nn.functional as F
from torch import Tensor

from plusx.nn.losses.loss import LossOfSeveral, PerClass, check_least


@final
@dataclass(frozen=True)
class Focal(PerClass, LossOfSeveral):
    """`gamma` γ: 1 or more, since the gradient of smaller ones has no bound near p = 1; 2 is the paper's.

    The paper's α (0.25 there) is the positive weight w of a class: α = w / (1 + w), but for a common factor.
    """

    name: ClassVar[str] = "focal"
    gamma: float = 2.0

    def __post_init__(self) -> None:
        check_least(self.name, "gamma", self.gamma, 1.0)

    def each(self, scores: Tensor) -> Tensor:
        return focused(-scores.log_softmax(dim=1), self.gamma)

    def of_several(self, scores: Tensor, targets: Tensor, positive_weights: Tensor | None = None) -> Tensor:
        scores, t = scores.float(), targets.float()
        present, absent = focused(F.softplus(-scores), self.gamma), focused(F.softplus(scores), self.gamma)
        present = present if positive_weights is None else present * positive_weights
        return (t * present + (1 - t) * absent).mean()


def focused(surprise: Tensor, gamma: float) -> Tensor:
    """(1 − p)^γ · −log p of surprise = −log p, in its shape."""
    return (-torch.expm1(-surprise)) ** gamma * surprise

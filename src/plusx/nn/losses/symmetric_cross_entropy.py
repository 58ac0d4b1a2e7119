"""Symmetric cross-entropy: α · −log p_y + β · −Σ_c p_c log q_c, p = softmax(z), with log 0 = A.

Wang, Ma, Chen, Luo, Yi, Bailey: Symmetric Cross Entropy for Robust Learning with Noisy Labels, 2019, arXiv 1908.06112;
github.com/YisenWang/symmetric_cross_entropy_for_noisy_labels. The second part, cross-entropy with p and q changed over,
is −A (1 − p_y) for a label y: it holds wrong labels off, as the mean absolute error does, while the first one still
teaches difficult classes.
"""

import math
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from plusx.nn.losses.loss import PerClass, check_least


@final
@dataclass(frozen=True)
class SymmetricCrossEntropy(PerClass):
    """`alpha` α and `beta` β: the authors' for CIFAR-10; 6 and 0.1 for CIFAR-100, 0.01 and 1 for MNIST (their
    train_models.py). `floor`: log 0 is taken as its logarithm; theirs (loss.py)."""

    name: ClassVar[str] = "symmetric-cross-entropy"
    alpha: float = 0.1
    beta: float = 1.0
    floor: float = 1e-4

    def __post_init__(self) -> None:
        check_least(self.name, "alpha", self.alpha, 0.0)
        check_least(self.name, "beta", self.beta, 0.0)
        check_least(self.name, "1 / floor", 1 / self.floor if self.floor > 0 else math.inf, 1.0)

    def each(self, scores: Tensor) -> Tensor:
        log_p = scores.log_softmax(dim=1)
        return -self.alpha * log_p + self.beta * math.log(self.floor) * torch.expm1(log_p)

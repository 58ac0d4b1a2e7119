"""Generalised cross-entropy: (1 − p^q) / q of the true class's p, p = softmax(z).

Zhang, Sabuncu: Generalized Cross Entropy Loss for Training Deep Neural Networks with Noisy Labels, 2018, arXiv
1805.07836. Cross-entropy for q → 0, the mean absolute error, which no wrong label sways much, for q = 1.
"""

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from plusx.core.errors import InputError
from plusx.nn.losses.loss import PerClass


@final
@dataclass(frozen=True)
class GeneralisedCrossEntropy(PerClass):
    """`q`: above 0, up to 1; 0.7 in the paper's experiments. Its truncation is not here."""

    name: ClassVar[str] = "generalised-cross-entropy"
    q: float = 0.7

    def __post_init__(self) -> None:
        if not 0.0 < self.q <= 1.0:
            raise InputError(f"The loss {self.name} needs q above 0 and up to 1, not {self.q}")

    def each(self, scores: Tensor) -> Tensor:
        return -torch.expm1(self.q * scores.log_softmax(dim=1)) / self.q

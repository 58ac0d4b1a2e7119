"""Logit-adjusted cross-entropy: cross-entropy of z_c + τ log π_c, where π_c is the share of class c in training.

Menon, Jayasumana, Rawat, Jain, Veit, Kumar: Long-tail learning via logit adjustment, 2021, arXiv 2007.07314;
github.com/google-research/google-research, logit_adjustment.
What the data's frequencies say is added in training alone, so that z need not learn it: softmax(z) is for images of
which every class is equally frequent, and its mistakes are evened out over the classes.
"""

import math
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from plusx.nn.losses.cross_entropy import cross_entropy
from plusx.nn.losses.loss import Counting, check_least, check_share


@final
@dataclass(frozen=True)
class LogitAdjustment(Counting):
    """`tau` τ: 1 is the authors'. `smoothing`: as of cross-entropy. A class without images counts as if it had one."""

    name: ClassVar[str] = "logit-adjustment"
    tau: float = 1.0
    smoothing: float = 0.0

    def __post_init__(self) -> None:
        check_least(self.name, "tau", self.tau, 0.0)
        check_share(self.name, "smoothing", self.smoothing)

    def __call__(self, scores: Tensor, targets: Tensor, class_weights: Tensor | None = None) -> Tensor:
        frequencies = [max(count, 1) for count in self.counts]
        shifts = [self.tau * math.log(count / sum(frequencies)) for count in frequencies]
        shifted = scores.float() + torch.tensor(shifts, dtype=torch.float32, device=scores.device)
        return cross_entropy(shifted, targets, class_weights, self.smoothing)

"""Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch.optim import Optimizer

from plusx.engine.optimizers.in_order import AdamWInOrder
from plusx.engine.optimizers.optimizer import check_positive, check_range


@dataclass(frozen=True)
class AdamW:
    """The paper's letters: α = rate, β1, β2 = betas, ε = eps, λ = weight_decay (applied as rate·λ·w each step)."""

    rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.05

    def __post_init__(self) -> None:
        check_positive("AdamW.rate", self.rate)
        check_positive("AdamW.eps", self.eps)
        check_range("AdamW.betas[0]", self.betas[0], 0, 1)
        check_range("AdamW.betas[1]", self.betas[1], 0, 1)
        check_range("AdamW.weight_decay", self.weight_decay, 0, math.inf)

    def build(self, groups: Sequence[dict[str, Any]]) -> Optimizer:
        return AdamWInOrder(list(groups), lr=self.rate, betas=self.betas, eps=self.eps, fused=True)

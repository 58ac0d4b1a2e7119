"""Stochastic gradient descent with momentum, Nesterov's by default (Sutskever et al. 2013)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch.optim import Optimizer

from plusx.engine.optimizers.in_order import SGDInOrder
from plusx.engine.optimizers.optimizer import check_positive, check_range


@dataclass(frozen=True)
class SGD:
    """v ← momentum·v + g + weight_decay·w; w ← w − rate·v (Nesterov: rate·(g + weight_decay·w + momentum·v))."""

    rate: float = 0.1  # He et al. 2015, section 3.4
    momentum: float = 0.9
    weight_decay: float = 1e-4  # coupled: it goes through the momentum
    nesterov: bool = True

    def __post_init__(self) -> None:
        check_positive("SGD.rate", self.rate)
        check_range("SGD.momentum", self.momentum, 0, 1)
        check_range("SGD.weight_decay", self.weight_decay, 0, math.inf)

    def build(self, groups: Sequence[dict[str, Any]]) -> Optimizer:
        nesterov = self.nesterov and self.momentum > 0
        return SGDInOrder(list(groups), lr=self.rate, momentum=self.momentum, nesterov=nesterov, fused=True)

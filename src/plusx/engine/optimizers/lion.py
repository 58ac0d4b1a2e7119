"""Lion: the sign of a momentum (Chen et al. 2023, "Symbolic Discovery of Optimization Algorithms", arXiv 2302.06675,
algorithm 2). It keeps one tensor for each parameter where Adam keeps two.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor
from torch.optim import Optimizer

from plusx.engine.optimizers.optimizer import check_positive, check_range
from plusx.engine.optimizers.stepwise import Stepwise, Tensors, of_all


@dataclass(frozen=True)
class Lion:
    """c = β1·m + (1 − β1)·g; w ← w − η·(sign(c) + λ·w); m ← β2·m + (1 − β2)·g.

    η = rate, β1, β2 = betas, λ = weight_decay. Every weight moves by η in each step, so that the rate has to be 3 to
    10 times smaller than AdamW's, and λ as much larger for the same η·λ (section 5). The defaults are those of `AdamW`,
    divided and multiplied by about 3: with 10, short runs did not arrive (benchmarks/RESULTS.md).
    """

    rate: float = 3e-4
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = 0.15

    def __post_init__(self) -> None:
        check_positive("Lion.rate", self.rate)
        check_range("Lion.betas[0]", self.betas[0], 0, 1)
        check_range("Lion.betas[1]", self.betas[1], 0, 1)
        check_range("Lion.weight_decay", self.weight_decay, 0, math.inf)

    def build(self, groups: Sequence[dict[str, Any]]) -> Optimizer:
        return LionOptimizer(groups, self)


@final
class LionOptimizer(Stepwise):
    def __init__(self, groups: Sequence[dict[str, Any]], config: Lion) -> None:
        super().__init__(list(groups), {"lr": config.rate, "betas": config.betas, "weight_decay": config.weight_decay})

    def begun(self, group: dict[str, Any], weight: Tensor) -> dict[str, Any]:
        return {"m": torch.zeros_like(weight)}

    def update(
        self, group: dict[str, Any], weights: list[Tensor], gradients: Tensors, states: list[dict[str, Any]]
    ) -> None:
        beta1, beta2 = group["betas"]
        m = of_all(states, "m")
        if group["weight_decay"]:
            torch._foreach_mul_(weights, 1 - group["lr"] * group["weight_decay"])
        c = torch._foreach_lerp(m, gradients, 1 - beta1)
        torch._foreach_sign_(c)
        torch._foreach_add_(weights, c, alpha=-group["lr"])
        torch._foreach_lerp_(m, gradients, 1 - beta2)

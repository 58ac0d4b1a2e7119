"""RMSprop as TensorFlow computes it, with which MobileNet, MnasNet and EfficientNet were trained.

Tieleman and Hinton 2012, lecture 6.5; the form is that of `tf.raw_ops.ApplyRMSProp`, which timm's `RMSpropTF` follows.
It is not torch's: ε stands inside the root, v begins at 1 and not at 0, and the rate is inside the momentum.
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
class RMSpropTF:
    """g ← g + λ·w; v ← ρ·v + (1 − ρ)·g²; b ← μ·b + η·g / √(v + ε); w ← w − b.

    η = rate, ρ = decay, μ = momentum, ε = eps, λ = weight_decay (coupled: it goes through v). All but η are those of
    EfficientNet (Tan and Le 2019, section 5.2; ε from their code), η is theirs, 0.256 for 4,096 images, for 256.
    """

    rate: float = 0.016
    decay: float = 0.9
    momentum: float = 0.9
    eps: float = 1e-3
    weight_decay: float = 1e-5

    def __post_init__(self) -> None:
        check_positive("RMSpropTF.rate", self.rate)
        check_positive("RMSpropTF.eps", self.eps)
        check_range("RMSpropTF.decay", self.decay, 0, 1)
        check_range("RMSpropTF.momentum", self.momentum, 0, 1)
        check_range("RMSpropTF.weight_decay", self.weight_decay, 0, math.inf)

    def build(self, groups: Sequence[dict[str, Any]]) -> Optimizer:
        return RMSpropTFOptimizer(groups, self)


@final
class RMSpropTFOptimizer(Stepwise):
    def __init__(self, groups: Sequence[dict[str, Any]], config: RMSpropTF) -> None:
        defaults = {name: value for name, value in vars(config).items() if name != "rate"}
        super().__init__(list(groups), {"lr": config.rate, **defaults})

    def begun(self, group: dict[str, Any], weight: Tensor) -> dict[str, Any]:
        return {"v": torch.ones_like(weight), "b": torch.zeros_like(weight)}

    def update(
        self, group: dict[str, Any], weights: list[Tensor], gradients: Tensors, states: list[dict[str, Any]]
    ) -> None:
        if group["weight_decay"]:
            gradients = torch._foreach_add(gradients, weights, alpha=group["weight_decay"])
        v, b = of_all(states, "v"), of_all(states, "b")
        torch._foreach_mul_(v, group["decay"])
        torch._foreach_addcmul_(v, gradients, gradients, 1 - group["decay"])
        roots = torch._foreach_add(v, group["eps"])
        torch._foreach_sqrt_(roots)
        torch._foreach_mul_(b, group["momentum"])
        torch._foreach_addcdiv_(b, gradients, roots, group["lr"])
        torch._foreach_sub_(weights, b)

"""LAMB: Adam with a rate for every layer, for batches of thousands of images.

You et al. 2020, "Large Batch Optimization for Deep Learning: Training BERT in 76 minutes" (arXiv 1904.00962), algorithm
2. As in timm's `Lamb`, with which ResNet strikes back (Wightman et al. 2021, arXiv 2110.00476, procedures A1 to A3) was
trained: g is first divided by max(1, ‖all g‖ / max_norm), and parameters without weight decay have the ratio 1.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor
from torch.optim import Optimizer

from plusx.engine.optimizers.optimizer import check_positive, check_range
from plusx.engine.optimizers.stepwise import Stepwise, Tensors, moments


@dataclass(frozen=True)
class Lamb:
    """m ← β1·m + (1 − β1)·g; v ← β2·v + (1 − β2)·g²; u = m̂ / (√v̂ + ε) + λ·w; w ← w − η·(‖w‖ / ‖u‖)·u.

    η = rate, β1, β2 = betas, ε = eps, λ = weight_decay; m̂ and v̂ are Adam's with bias correction. The norms are those of
    one parameter tensor. max_norm: largest L2 norm of all gradients together; None: they are not clipped. trust_clip:
    the ratio ‖w‖ / ‖u‖ is at most 1 (LAMBC). The rate is procedure A1's and A2's for 2,048 images, the weight decay
    A2's and A3's (Table 2 there).
    """

    rate: float = 5e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-6
    weight_decay: float = 0.02
    max_norm: float | None = 1.0
    trust_clip: bool = False

    def __post_init__(self) -> None:
        check_positive("Lamb.rate", self.rate)
        check_positive("Lamb.eps", self.eps)
        check_range("Lamb.betas[0]", self.betas[0], 0, 1)
        check_range("Lamb.betas[1]", self.betas[1], 0, 1)
        check_range("Lamb.weight_decay", self.weight_decay, 0, math.inf)
        if self.max_norm is not None:
            check_positive("Lamb.max_norm", self.max_norm)

    def build(self, groups: Sequence[dict[str, Any]]) -> Optimizer:
        return LambOptimizer(groups, self)


@final
class LambOptimizer(Stepwise):
    def __init__(self, groups: Sequence[dict[str, Any]], config: Lamb) -> None:
        defaults = {name: value for name, value in vars(config).items() if name not in ("rate", "max_norm")}
        super().__init__(list(groups), {"lr": config.rate, **defaults})
        self._max_norm = config.max_norm
        self._divisor: Tensor | None = None

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:
        gradients = [
            weight.grad for group in self.param_groups for weight in group["params"] if weight.grad is not None
        ]
        self._divisor = None
        if self._max_norm is not None and gradients:
            self._divisor = (torch.nn.utils.get_total_norm(gradients) / self._max_norm).clamp(min=1.0)
        super().step(closure)

    def begun(self, group: dict[str, Any], weight: Tensor) -> dict[str, Any]:
        return {"step": 0, "m": torch.zeros_like(weight), "v": torch.zeros_like(weight)}

    def update(
        self, group: dict[str, Any], weights: list[Tensor], gradients: Tensors, states: list[dict[str, Any]]
    ) -> None:
        if self._divisor is not None:
            gradients = torch._foreach_div(gradients, self._divisor)
        m, grown, roots = moments(states, gradients, group["betas"], group["eps"])
        u = torch._foreach_div(m, grown)
        torch._foreach_div_(u, roots)
        if group["weight_decay"]:
            torch._foreach_add_(u, weights, alpha=group["weight_decay"])
            torch._foreach_mul_(u, _ratios(weights, u, group["trust_clip"]))
        torch._foreach_add_(weights, u, alpha=-group["lr"])


def _ratios(weights: list[Tensor], u: Tensors, trust_clip: bool) -> list[Tensor]:
    """‖w‖ / ‖u‖ of each; 1 where one of both is 0."""
    ratios = []
    for own, change in zip(torch._foreach_norm(weights), torch._foreach_norm(u), strict=True):
        ratio = torch.where((own > 0) & (change > 0), own / change, 1.0)
        ratios.append(ratio.clamp(max=1.0) if trust_clip else ratio)
    return ratios

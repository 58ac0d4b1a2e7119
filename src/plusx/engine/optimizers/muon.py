"""Muon: momentum whose matrices are made orthogonal (Jordan et al. 2024, kellerjordan.github.io/posts/muon).

A convolution is flattened to the matrix out × (in·k·k). As its authors ask for convolutional networks
(github.com/KellerJordan/Muon, README), all filters of the backbone but those of its first convolution are moved so, and
AdamW moves everything else: norms' scale and shift, biases, the first convolution and the head. Their reasons: the
first layer has three channels and the head a class a row, so that equal singular values are not wanted of either, and
vectors have none. AdamW moves depthwise filters too: each row sees one channel, they are vectors side by side.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, final

import torch
from torch import Tensor
from torch.optim import Optimizer

from plusx.engine.optimizers.optimizer import check_positive, check_range
from plusx.engine.optimizers.stepwise import Stepwise, Tensors, moments, of_all

COEFFICIENTS: Final = (3.4445, -4.7750, 2.0315)
"""a, b, c of the authors' polynomial: steepest at 0, and within 0.7..1.2 near 1 after five steps."""
STEPS: Final = 5
SMALLEST: Final = 1e-7
"""What a norm is at least when it is divided by."""


@dataclass(frozen=True)
class Muon:
    """m ← μ·m + (1 − μ)·g; o = NS(μ·m + (1 − μ)·g); w ← (1 − η·λ)·w − η·√max(1, rows/columns)·o.

    NS is five steps of X ← a·X + (b·A + c·A²)·X, A = X·Xᵀ, from X / ‖X‖ on, in bfloat16: nearly U·Vᵀ of the singular
    value decomposition U·S·Vᵀ. η = rate, μ = momentum (Nesterov's), λ = weight_decay (decoupled). For what AdamW moves:
    η = adamw_rate, β1, β2 = adamw_betas, ε = adamw_eps and the same λ. All are the authors' (README; `muon.py`), but
    for adamw_rate, which they want as it would be without Muon: that of `AdamW`.
    """

    rate: float = 0.02
    momentum: float = 0.95
    weight_decay: float = 0.01
    adamw_rate: float = 1e-3
    adamw_betas: tuple[float, float] = (0.9, 0.95)
    adamw_eps: float = 1e-10

    def __post_init__(self) -> None:
        check_positive("Muon.rate", self.rate)
        check_positive("Muon.adamw_rate", self.adamw_rate)
        check_positive("Muon.adamw_eps", self.adamw_eps)
        check_range("Muon.momentum", self.momentum, 0, 1)
        check_range("Muon.weight_decay", self.weight_decay, 0, math.inf)
        check_range("Muon.adamw_betas[0]", self.adamw_betas[0], 0, 1)
        check_range("Muon.adamw_betas[1]", self.adamw_betas[1], 0, 1)

    def build(self, groups: Sequence[dict[str, Any]]) -> Optimizer:
        return MuonOptimizer(groups, self)


@final
class MuonOptimizer(Stepwise):
    """`hidden` in a group says of each parameter whether it is a hidden matrix; without it none is."""

    def __init__(self, groups: Sequence[dict[str, Any]], config: Muon) -> None:
        defaults = {"lr": config.rate, "momentum": config.momentum, "weight_decay": config.weight_decay}
        own = {"adamw_betas": config.adamw_betas, "adamw_eps": config.adamw_eps, "orthogonal": False}
        super().__init__([part for group in groups for part in _divided(group, config)], {**defaults, **own})

    def begun(self, group: dict[str, Any], weight: Tensor) -> dict[str, Any]:
        if group["orthogonal"]:
            return {"m": torch.zeros_like(weight)}
        return {"step": 0, "m": torch.zeros_like(weight), "v": torch.zeros_like(weight)}

    def update(
        self, group: dict[str, Any], weights: list[Tensor], gradients: Tensors, states: list[dict[str, Any]]
    ) -> None:
        torch._foreach_mul_(weights, 1 - group["lr"] * group["weight_decay"])
        move = _orthogonal if group["orthogonal"] else _adam
        move(group, weights, gradients, states)


def orthogonal(matrix: Tensor) -> Tensor:
    """Nearly U·Vᵀ of `matrix` = U·S·Vᵀ, rows × columns, in bfloat16: its singular values come to lie around 1."""
    a, b, c = COEFFICIENTS
    x = matrix.bfloat16()
    x = x.T if len(matrix) > matrix.shape[1] else x
    x = x / x.norm().clamp(min=SMALLEST)
    for _ in range(STEPS):
        square = x @ x.T
        x = torch.addmm(x, torch.addmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return x.T if len(matrix) > matrix.shape[1] else x


def _orthogonal(group: dict[str, Any], weights: list[Tensor], gradients: Tensors, states: list[dict[str, Any]]) -> None:
    momentum, m = group["momentum"], of_all(states, "m")
    torch._foreach_lerp_(m, gradients, 1 - momentum)
    for weight, ahead in zip(weights, torch._foreach_lerp(gradients, m, momentum), strict=True):
        matrix = ahead.flatten(1)
        rate = group["lr"] * math.sqrt(max(1.0, len(matrix) / matrix.shape[1]))
        weight.add_(orthogonal(matrix).view(weight.shape), alpha=-rate)


def _adam(group: dict[str, Any], weights: list[Tensor], gradients: Tensors, states: list[dict[str, Any]]) -> None:
    """Algorithm 2 of Loshchilov and Hutter 2019, without the decay."""
    m, grown, roots = moments(states, gradients, group["adamw_betas"], group["adamw_eps"])
    torch._foreach_addcdiv_(weights, m, roots, [-group["lr"] / share for share in grown])


def _divided(group: dict[str, Any], config: Muon) -> list[dict[str, Any]]:
    """The hidden matrices of `group`, and the rest of it at AdamW's rate; `scale` is that of Muon's rate."""
    hidden = group.pop("hidden", [False] * len(group["params"]))
    share = config.adamw_rate / config.rate
    parts = []
    for chosen, factor, mover in ((True, 1.0, "Muon"), (False, share, "AdamW")):
        weights = [weight for weight, inner in zip(group["params"], hidden, strict=True) if inner is chosen]
        changes = {
            "lr": group.get("lr", config.rate) * factor,
            "scale": group.get("scale", 1.0) * factor,
            "name": f"{group.get('name', 'all')}, {mover}",
            "orthogonal": chosen,
        }
        parts += [{**group, **changes, "params": weights}] if weights else []
    return parts

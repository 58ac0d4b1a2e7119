"""Adaptive gradient clipping (Brock et al. 2021, "High-Performance Large-Scale Image Recognition Without
Normalization", arXiv 2102.06171, equation 3)."""

from collections.abc import Iterable
from typing import Final

import torch
from torch import Tensor, nn

SMALLEST_WEIGHT: Final = 1e-3
"""ε of equation 3: a unit's norm counts as at least this, so that weights that begin at zero can leave it."""
SMALLEST_GRADIENT: Final = 1e-6


@torch.no_grad()
def adaptive_clip(parameters: Iterable[nn.Parameter], limit: float) -> None:
    """Every unit's gradient has at most `limit` times the norm of its weights: g_i ← g_i · limit·max(‖w_i‖, ε) / ‖g_i‖.

    A unit is an output channel, or a whole vector. The authors leave the classifier's last layer out.
    """
    for parameter in parameters:
        if (gradient := parameter.grad) is None:
            continue
        most = limit * _norms(parameter).clamp(min=SMALLEST_WEIGHT)
        norms = _norms(gradient)
        clipped = gradient * (most / norms.clamp(min=SMALLEST_GRADIENT))
        gradient.copy_(torch.where(norms < most, gradient, clipped))


def _norms(tensor: Tensor) -> Tensor:
    """L2, of each output channel of what has more than one dimension."""
    if tensor.ndim < 2:
        return torch.linalg.vector_norm(tensor)
    return torch.linalg.vector_norm(tensor, dim=tuple(range(1, tensor.ndim)), keepdim=True)

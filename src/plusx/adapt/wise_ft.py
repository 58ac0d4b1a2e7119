"""WiSE-FT: the weights between those that fine-tuning began with and those it ended with.

Wortsman et al. 2022, "Robust fine-tuning of zero-shot models", arXiv 2109.01903, equation 1:
w = (1 − α)·w_start + α·w_finetuned. What was learnt before, and holds for other images too, comes back in part. Both
ends have to know the same classes: without a zero-shot head, w_start is the network with a head trained on features
that stayed, as at the end of a phase of the head alone.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import torch
from torch import Tensor

from plusx.core.errors import InputError

ALPHAS: Final = tuple(step / 10 for step in range(11))
"""Where the best is looked for."""


def interpolated(start: Mapping[str, Tensor], tuned: Mapping[str, Tensor], alpha: float) -> dict[str, Tensor]:
    """(1 − α)·start + α·tuned by name, computed in 64 bits; with α 0 and 1 the ends themselves, to the bit.

    Whole numbers, such as counts, are those of `tuned`, but with α 0. A network with BatchNorm needs its statistics
    taken anew then (`adapt.norms`). InputError for α outside 0..1 and for weights of two networks.
    """
    if not 0 <= alpha <= 1:
        raise InputError(f"alpha is {alpha:g}; expected 0 (the start) to 1 (fine-tuned)")
    odd = sorted(
        name
        for name in {*start, *tuned}
        if name not in start or name not in tuned or start[name].shape != tuned[name].shape
    )
    if odd:
        raise InputError(f"start and tuned are weights of two networks: {odd[0]} is not the same tensor in both.")
    if alpha in (0, 1):
        return {name: tensor.clone() for name, tensor in (tuned if alpha else start).items()}
    return {name: _between(start[name], tensor, alpha) for name, tensor in tuned.items()}


def _between(start: Tensor, tuned: Tensor, alpha: float) -> Tensor:
    if not tuned.is_floating_point():
        return tuned.clone()
    return torch.lerp(start.to(tuned.device).double(), tuned.double(), alpha).to(tuned.dtype)


def best_alpha(
    score_of: Callable[[float], float], alphas: Sequence[float] = ALPHAS
) -> tuple[float, dict[float, float]]:
    """The α of the highest score, on validation images, and all scores; among equals the largest, which changes least.

    score_of: of the network with the weights at α; more is better, and no number is worst.
    """
    scores = {alpha: score_of(alpha) for alpha in alphas}
    return max(scores, key=lambda alpha: (not math.isnan(scores[alpha]), scores[alpha], alpha)), scores

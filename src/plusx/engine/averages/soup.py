"""Model soups: the mean of the weights of several trained networks (Wortsman et al. 2022, arXiv 2203.05482)."""

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor


def mean_of(ingredients: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Of the same tensors by name, computed in 64 bits; whole numbers, such as counts, are those of the first."""
    return {name: _mean([one[name] for one in ingredients]) for name in ingredients[0]}


def _mean(tensors: Sequence[Tensor]) -> Tensor:
    if not tensors[0].is_floating_point():
        return tensors[0].clone()
    return torch.stack([tensor.double() for tensor in tensors]).mean(0).to(tensors[0].dtype)


def greedily(scores: Sequence[float], score_of: Callable[[Sequence[int]], float]) -> tuple[list[int], float]:
    """The paper's recipe 1: the best first, then each in the order of its score that does not make the soup worse.

    scores: of each alone, more is better, and no number is worst. score_of: of the soup of these. Returns its
    ingredients and its score.
    """
    worth = [-math.inf if math.isnan(score) else score for score in scores]
    order = sorted(range(len(worth)), key=lambda index: -worth[index])
    chosen, best = order[:1], worth[order[0]]
    for index in order[1:]:
        score = score_of([*chosen, index])
        if score >= best:
            chosen, best = [*chosen, index], score
    return chosen, best

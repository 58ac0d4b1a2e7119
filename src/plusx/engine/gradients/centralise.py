"""Gradient centralisation (Yong et al. 2020, arXiv 2004.01461, equation 1)."""

from collections.abc import Iterable

import torch
from torch import nn


@torch.no_grad()
def centralise(parameters: Iterable[nn.Parameter]) -> None:
    """The gradient of every output channel of a convolution or linear layer loses its mean: ∇w_i ← ∇w_i − mean(∇w_i).

    Gradients of vectors (norms, biases) and missing ones stay as they are.
    """
    for parameter in parameters:
        gradient = parameter.grad
        if gradient is not None and gradient.ndim > 1:
            gradient.sub_(gradient.mean(tuple(range(1, gradient.ndim)), keepdim=True))

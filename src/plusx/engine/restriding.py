"""How an optimizer's own tensors lie in memory."""

import torch
from torch import Tensor


def restride(optimizer: torch.optim.Optimizer) -> None:
    """Lays the optimizer's tensors out as their parameters.

    Fused kernels read both in memory order and take no notice of strides: momentum saved under channels_last and
    loaded beside a contiguous weight would be applied to the wrong elements.
    """
    for parameter, state in optimizer.state.items():
        for key, value in state.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape and value.stride() != parameter.stride():
                state[key] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)

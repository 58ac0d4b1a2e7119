"""What the tests of weights share: networks whose every tensor is random, and how far apart two outputs are."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

Randomise = Callable[[nn.Module], nn.Module]
Distance = Callable[[Tensor, Tensor], float]


def _randomise(module: nn.Module) -> nn.Module:
    """Statistics, gains and biases away from 0 and 1, so that no mix-up of them stays unseen; evaluation mode."""
    generator = torch.Generator().manual_seed(1)
    for name, tensor in module.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 1.5, generator=generator)
        elif name.endswith("num_batches_tracked"):
            tensor.fill_(7)
        elif tensor.ndim == 1:
            tensor.add_(torch.randn(tensor.shape, generator=generator) * 0.1)
    return module.eval()


ZERO = 1e-7
"""Gradients that are 0 but for rounding, such as that of a shift before a normalisation, are compared with this."""


def _distance(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).abs().max() / expected.abs().max().clamp_min(ZERO))


@pytest.fixture(scope="session")
def randomise() -> Randomise:
    return _randomise


@pytest.fixture(scope="session")
def distance() -> Distance:
    """The largest difference, relative to the largest expected value, or to ZERO where all are smaller."""
    return _distance


@pytest.fixture(scope="session")
def images() -> Tensor:
    return torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(2))

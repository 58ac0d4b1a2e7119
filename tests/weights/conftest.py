"""What the tests of weights share: networks whose every tensor is random, and how far apart two outputs are."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import parity

Randomise = Callable[[nn.Module], nn.Module]
Distance = Callable[[Tensor, Tensor], float]


@pytest.fixture(scope="session")
def randomise() -> Randomise:
    return parity.randomise


@pytest.fixture(scope="session")
def distance() -> Distance:
    """The largest difference, relative to the largest expected value, or to `parity.ZERO` where all are smaller."""
    return parity.distance


@pytest.fixture(scope="session")
def images() -> Tensor:
    return torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(2))

"""The order of samples: a function of (seed, epoch) alone, so that a run can go on anywhere. Needs no torch."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from plusx.core.targets import Target

Indices: TypeAlias = NDArray[np.int64]


class Order(ABC):
    """Which samples an epoch shows, and in what order."""

    @abstractmethod
    def indices(self, count: int, epoch: int) -> Indices:
        """Positions in 0..count-1, `count` of them."""


@dataclass(frozen=True)
class InOrder(Order):
    """As they stand: for validation."""

    def indices(self, count: int, epoch: int) -> Indices:
        raise NotImplementedError


@dataclass(frozen=True)
class Shuffled(Order):
    """Every sample once, shuffled anew each epoch."""

    seed: int = 0

    def indices(self, count: int, epoch: int) -> Indices:
        raise NotImplementedError


@dataclass(frozen=True)
class Weighted(Order):
    """Sample i comes count · weights[i] / sum(weights) times on average, in every epoch that number rounded up or down."""

    weights: tuple[float, ...]
    seed: int = 0

    def indices(self, count: int, epoch: int) -> Indices:
        raise NotImplementedError


def balanced(targets: Sequence[Target | None], seed: int = 0) -> Weighted:
    """The order in which all classes come equally often. For several labels the rarest one counts.

    Raises InputError for values: they have no classes.
    """
    raise NotImplementedError

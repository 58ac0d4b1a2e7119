"""The order of samples: a function of (seed, epoch) alone, so that a run can go on anywhere. Needs no torch."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

from plusx.core.errors import InputError
from plusx.core.targets import Label, Labels, Target, Value

Indices: TypeAlias = NDArray[np.int64]


class Order(ABC):
    """Which samples an epoch shows, and in what order."""

    @abstractmethod
    def indices(self, count: int, epoch: int) -> Indices:
        """Positions in 0..count-1, `count` of them."""


@final
@dataclass(frozen=True)
class InOrder(Order):
    """As they stand: for validation."""

    def indices(self, count: int, epoch: int) -> Indices:
        return np.arange(count, dtype=np.int64)


IN_ORDER = InOrder()


@final
@dataclass(frozen=True)
class Shuffled(Order):
    """Every sample once, shuffled anew each epoch."""

    seed: int = 0

    def indices(self, count: int, epoch: int) -> Indices:
        return np.random.default_rng((self.seed, epoch)).permutation(count)


WINDOW: Final = 8
"""Shards among whose samples a `Windowed` order draws: with 256 MB a shard 2 GB, which a disk or page cache holds."""


@final
@dataclass(frozen=True)
class Windowed(Order):
    """Every sample once, nearly as the shards stand: shards in a random order, samples shuffled among `window` of them.

    counts: samples of each shard, one after the other. Readers thus open few shards at a time. Where there are no more
    shards than the window holds, it is the order of `Shuffled`.
    """

    counts: tuple[int, ...]
    seed: int = 0
    window: int = WINDOW

    def indices(self, count: int, epoch: int) -> Indices:
        assert count == sum(self.counts), f"shards of {sum(self.counts)} samples for {count}"
        if len(self.counts) <= self.window:
            return Shuffled(self.seed).indices(count, epoch)
        rng = np.random.default_rng((self.seed, epoch))
        starts = np.cumsum([0, *self.counts[:-1]])
        shards = rng.permutation(len(self.counts))
        order, filled = np.empty(count, np.int64), 0
        for begin in range(0, len(shards), self.window):
            chosen = shards[begin : begin + self.window].tolist()
            parts = [np.arange(starts[shard], starts[shard] + self.counts[shard]) for shard in chosen]
            window = rng.permutation(np.concatenate(parts))
            order[filled : filled + len(window)] = window
            filled += len(window)
        return order


@final
@dataclass(frozen=True)
class Repeated(Order):
    """The samples of `order`, each `repeats` times in a row, as many in all as before: an epoch shows fewer of them.

    Repeated augmentation: Hoffer, Ben-Nun, Hubara, Giladi, Hoefler, Soudry: "Augment Your Batch: Improving
    Generalization Through Instance Repetition", CVPR 2020; as Wightman et al. 2021 use it (their RA). Each time the
    sample is cut and changed anew, since the loader counts how often it came.
    """

    order: Order
    repeats: int = 3

    def __post_init__(self) -> None:
        if self.repeats < 1:
            raise InputError(f"repeats {self.repeats} must be at least 1: how often a sample comes in an epoch")

    def indices(self, count: int, epoch: int) -> Indices:
        chosen = self.order.indices(count, epoch)[: -(-count // self.repeats)]
        return np.repeat(chosen, self.repeats)[:count]


@final
@dataclass(frozen=True)
class Weighted(Order):
    """Sample i comes n_i = count · w_i / Σ w times on average; in each epoch ⌊n_i⌋ or ⌈n_i⌉ times.

    Systematic resampling of a shuffled list: evenly spaced marks on the cumulative weights. Independent draws, the
    usual way, would leave out a third of the samples of an epoch even where all weights are equal.
    """

    weights: tuple[float, ...]
    seed: int = 0

    def indices(self, count: int, epoch: int) -> Indices:
        assert count == len(self.weights), f"{len(self.weights)} weights for {count} samples"
        rng = np.random.default_rng((self.seed, epoch))
        shuffled = rng.permutation(count)
        cumulative = np.cumsum(np.asarray(self.weights)[shuffled])
        marks = (np.arange(count) + rng.random()) * cumulative[-1:] / count
        chosen = shuffled[np.searchsorted(cumulative, marks, side="right").clip(max=count - 1)]  # rounding
        return rng.permutation(chosen)


def balanced(targets: Sequence[Target | None], seed: int = 0) -> Weighted:
    """The order in which all classes come equally often. For several labels the rarest one counts.

    Raises InputError for values: they have no classes.
    """
    labels = [_classes_of(target) for target in targets]
    counts = Counter(index for indices in labels for index in indices)
    return Weighted(tuple(1 / min(counts[index] for index in indices) for indices in labels), seed)


_NO_CLASS = -1


def _classes_of(target: Target | None) -> tuple[int, ...]:
    match target:
        case Label(index):
            return (index,)
        case Labels(indices):
            return indices or (_NO_CLASS,)
        case Value():
            raise InputError(
                "Balanced sampling needs classes, but the targets are values. Choose another balance or none."
            )
    raise InputError("Balanced sampling needs a label for every image, and at least one has none.")


def repeats(indices: Indices) -> Indices:
    """For every position how often its index stood before it: 0, 1, 2, ..."""
    by_index = np.argsort(indices, kind="stable")
    ordered = indices[by_index]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    lengths = np.diff(np.append(starts, len(ordered)))
    counts = np.empty_like(indices)
    counts[by_index] = np.arange(len(ordered)) - np.repeat(starts, lengths)
    return counts


def batch_bounds(count: int, batch_size: int) -> list[tuple[int, int]]:
    """Where each batch begins and ends. A lone last sample joins the batch before it.

    Batch normalisation cannot learn from a batch of one, and dropping the sample would hide it from the epoch.
    """
    ends = list(range(batch_size, count, batch_size))
    if len(ends) > 0 and batch_size > 1 and count - ends[-1] == 1:
        ends.pop()
    return list(zip([0, *ends], [*ends, count], strict=True)) if count else []

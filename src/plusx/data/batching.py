"""Which samples make which batch, and which part of it a process takes. Needs no torch."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol, final

from plusx.core.errors import InputError
from plusx.core.ranks import ALONE, Ranks
from plusx.data.sampler import IN_ORDER, Order, batch_bounds


class Cut(NamedTuple):
    """The places begin..end of an epoch's order, out of a batch of `whole` images."""

    begin: int
    end: int
    whole: int


class Batching(Protocol):
    """What a loader goes by."""

    @property
    def order(self) -> Order:
        """In which the epoch shows the samples."""
        ...

    def cuts(self, count: int) -> list[Cut]:
        """What this process takes of an epoch of `count` samples, batch by batch."""
        ...


@final
@dataclass(frozen=True)
class Divided:
    """Of every batch a slice: for training. The batches are the same for any number of processes, so that the position
    within an epoch means the same for all. `size`: images of a batch over all processes."""

    size: int
    order: Order = IN_ORDER
    ranks: Ranks = ALONE

    def __post_init__(self) -> None:
        _check(self.size)

    def cuts(self, count: int) -> list[Cut]:
        bounds = batch_bounds(count, self.size)
        return [Cut(*self.ranks.slice_of(begin, end), end - begin) for begin, end in bounds]


@final
@dataclass(frozen=True)
class Dealt:
    """Of all batches some, which follow each other: for measuring. Every sample is in one process's batches, and a
    batch is computed as one process alone would."""

    size: int
    ranks: Ranks = ALONE
    order: Order = IN_ORDER

    def __post_init__(self) -> None:
        _check(self.size)

    def cuts(self, count: int) -> list[Cut]:
        bounds = batch_bounds(count, self.size)
        own = self.ranks.block_of(len(bounds))
        return [Cut(begin, end, end - begin) for begin, end in bounds[own.start : own.stop]]


def _check(size: int) -> None:
    if size < 1:
        raise InputError(f"batch size {size} must be at least 1")

"""Ranks: several processes that share the work of one. Plain numbers; needs no torch."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Ranks:
    """This process is number `rank`, from 0, of `world`."""

    rank: int = 0
    world: int = 1

    def slice_of(self, begin: int, end: int) -> tuple[int, int]:
        """Its part of the places begin..end of a batch: all are of equal size as nearly as possible, rank 0's the
        largest.

        A batch with fewer images than there are processes is not divided: every process takes the whole of it, and the
        mean over processes is the batch's own.
        """
        count = end - begin
        if count < self.world:
            return begin, end
        first, last = (begin + -(-count * part // self.world) for part in (self.rank, self.rank + 1))
        return first, last

    def share_of(self, own: int, whole: int) -> float:
        """What the `own` images of a batch of `whole` count, when all processes' shares are added up to 1."""
        return 1 / self.world if own == whole else own / whole

    def block_of(self, count: int) -> range:
        """Its part of 0..count-1 where those are dealt out in blocks that follow each other; some may be empty."""
        return range(count * self.rank // self.world, count * (self.rank + 1) // self.world)


ALONE: Final = Ranks()
"""One process that does everything."""

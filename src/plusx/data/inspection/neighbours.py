"""Pairs of 64-bit hashes that differ in few bits, without comparing all with all. Needs no torch.

The bits are dealt to four bands of 16. Two hashes that differ in at most 11 bits differ in at most two of some band
(the pigeonhole principle; multi-index hashing: Norouzi, Punjani and Fleet 2012). So for every band and each of the 137
ways to change up to two bits, a hash meets those whose band then equals its own.

Cost: n hashes sorted four times, then 4 × 137 look-ups a hash, each of which meets n / 65,536 others if hashes are
spread evenly, and at most MOST however they are, and at most EFFORT second looks. So it is n log n, with at most
n × 8,768 comparisons of two integers and n × 32 second looks. `benchmarks/duplicates.py` measures it.
"""

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Indices: TypeAlias = NDArray[np.int64]
Alike: TypeAlias = Callable[[Indices, Indices], NDArray[np.bool]]
"""Whether the first of each pair is like the second."""

FARTHEST: Final = 11
"""Bits in which hashes of a pair may differ."""

MOST: Final = 16
"""Others that a hash meets in one look-up: where more share a band, those that stand next to it in order."""

EFFORT: Final = 32
"""Second looks after which a hash looks no further; a partner found counts as PARTNER of them. In a crowd of similar
pictures not every pair is needed."""

PARTNER: Final = 4

_BANDS, _WIDTH = 4, 16
_ALLOWED = FARTHEST // _BANDS  # bits that differ in the band that differs least
_MASKS = [sum(1 << bit for bit in bits) for few in range(_ALLOWED + 1) for bits in combinations(range(_WIDTH), few)]
_AT_ONCE = 1 << 20  # pairs compared in one call


def near_pairs(hashes: NDArray[np.uint64], alike: Alike) -> Indices:
    """(pairs, 2) of indices, the smaller first, each pair once: near by hash, and `alike` agrees.

    alike: the second look, called with many near pairs at once.
    """
    bands = _dealt(hashes)
    effort = np.zeros(len(hashes), np.int64)
    found = [np.empty((0, 2), np.int64)]
    for number in range(_BANDS):
        for pairs in _meetings(bands, number, effort):
            agreed = alike(pairs[:, 0], pairs[:, 1])
            found.append(pairs[agreed])
            spent = np.where(agreed, PARTNER, 1)
            for side in pairs.T:
                effort += np.bincount(side, spent, len(hashes)).astype(np.int64)
    return np.unique(np.sort(np.concatenate(found), axis=1), axis=0)


def _dealt(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Bits in another order: neighbours, which tend to agree, in different bands."""
    bits = np.unpackbits(hashes.astype(">u8").view(np.uint8).reshape(-1, 8), axis=1)
    dealt = bits.reshape(-1, _WIDTH, _BANDS).transpose(0, 2, 1).reshape(-1, 64)
    return np.packbits(dealt, axis=1).view(">u8").ravel().astype(np.uint64)


def _band(bands: NDArray[np.uint64], number: int) -> Indices:
    return (bands >> np.uint64(_WIDTH * number)).astype(np.int64) & (2**_WIDTH - 1)


def _meetings(bands: NDArray[np.uint64], number: int, effort: Indices) -> Iterator[Indices]:
    """Near pairs (pairs, 2) that this band shows first. `effort` is read again for each way to change bits."""
    keys = _band(bands, number)
    order = np.lexsort((bands, keys))
    keys, ordered = keys[order], bands[order]
    starts = np.concatenate([[0], np.cumsum(np.bincount(keys, minlength=2**_WIDTH))])
    ranks = np.arange(len(keys)) - starts[keys]
    for mask in _MASKS:
        tired = effort[order] >= EFFORT
        others = keys ^ mask
        firsts, counts = starts[others], starts[others + 1] - starts[others]
        once = (others >= keys) | tired.any()  # else the other one finds it
        looking = np.flatnonzero((counts > (mask == 0)) & once & ~tired)
        for rows, steps in _expanded(np.minimum(counts[looking], MOST)):
            place = looking[rows]
            shift = np.where(counts[place] > MOST, ranks[place], 0) if mask else ranks[place] + 1
            other = firsts[place] + (shift + steps) % counts[place]
            near = _newly_near(ordered[place] ^ ordered[other], number)
            place, other = place[near], other[near]
            new = (place < other) | (tired[other] & (place != other))
            if new.any():
                yield np.column_stack([order[place[new]], order[other[new]]])


def _newly_near(differing: NDArray[np.uint64], number: int) -> NDArray[np.bool]:
    """Whether few enough bits differ, and no band before this one has shown it already."""
    near = np.bitwise_count(differing) <= FARTHEST
    for earlier in range(number if near.any() else 0):
        near &= np.bitwise_count(_band(differing, earlier)) > _ALLOWED
    return near


def _expanded(lengths: Indices) -> Iterator[tuple[Indices, Indices]]:
    """Row r with each of 0..lengths[r] − 1, some rows at a time."""
    rows_at_once = max(1, _AT_ONCE // MOST)
    for start in range(0, len(lengths), rows_at_once):
        portion = lengths[start : start + rows_at_once]
        rows = np.repeat(np.arange(len(portion)), portion)
        steps = np.arange(len(rows)) - np.repeat(np.cumsum(portion) - portion, portion)
        yield rows + start, steps

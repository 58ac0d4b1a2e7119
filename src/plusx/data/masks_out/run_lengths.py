"""Regions as COCO's compressed run lengths (cocodataset.org/#format-data), which `data.regions` reads."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from plusx.data.masks_out.connected import OUTSIDE


@dataclass(frozen=True, slots=True)
class Encoded:
    """One region: run lengths as text, its pixels, and the box around it, x, y, width, height."""

    counts: str
    area: int
    box: tuple[int, int, int, int]


def encoded(numbers: NDArray[np.int32]) -> Iterator[Encoded]:
    """The regions of `connected`, in their order."""
    height = numbers.shape[0]
    columns = numbers.ravel(order="F")
    starts = np.flatnonzero(np.concatenate([[True], columns[1:] != columns[:-1]]))
    lengths = np.diff(starts, append=columns.size)
    owners = columns[starts]
    order = np.argsort(owners, kind="stable")[int((owners == OUTSIDE).sum()) :]
    bounds = [*np.flatnonzero(np.diff(owners[order], prepend=OUTSIDE)), len(order)]
    for begin, end in pairwise(bounds):
        first = starts[order[begin:end]]
        yield _of_runs(first, first + lengths[order[begin:end]], height, columns.size)


def _of_runs(first: NDArray[np.int64], end: NDArray[np.int64], height: int, pixels: int) -> Encoded:
    """Runs of one region, column by column, from `first` to before `end`."""
    counts = np.diff(np.stack([first, end], axis=1).ravel(), prepend=0)
    rest = pixels - int(end[-1])
    last = end - 1
    over = first // height != last // height  # a run that goes on in the next column
    top = int(np.where(over, 0, first % height).min())
    bottom = int(np.where(over, height - 1, last % height).max())
    left, right = int(first[0]) // height, int(last[-1]) // height
    text = compressed([*counts.tolist(), *[rest] * (rest > 0)])
    return Encoded(text, int((end - first).sum()), (left, top, right - left + 1, bottom - top + 1))


def compressed(counts: Sequence[int]) -> str:
    """5 bits a character above 48, lowest first, 32 says that more follow; negative numbers by their sign bit. From the
    fourth on, differences to the number two places before."""
    letters = bytearray()
    for place, count in enumerate(counts):
        number = count - counts[place - 2] if place > 2 else count
        more = True
        while more:
            bits, number = number & 31, number >> 5
            more = number != (-1 if bits & 16 else 0)
            letters.append(48 + bits + 32 * more)
    return letters.decode("ascii")

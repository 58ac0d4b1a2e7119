"""The connected regions of a mask."""

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

OUTSIDE = -1
"""The number of pixels that belong to no region."""


def connected(values: NDArray[np.uint8], left_out: Collection[int] = ()) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Numbers (H, W) from 0 of regions whose pixels have one value and meet at edges, in the order of their first
    pixels, and the value of each; `OUTSIDE` where the value is `left_out`.
    """
    first = np.ones(values.shape, np.bool_)  # of a run of equal pixels in its row
    first[:, 1:] = values[:, 1:] != values[:, :-1]
    runs = np.cumsum(first, dtype=np.int32).reshape(values.shape) - np.int32(1)
    meeting = (values[1:] == values[:-1]) & (first[1:] | first[:-1])  # where two runs begin to lie on each other
    roots = _joined(int(first.sum()), runs[:-1][meeting], runs[1:][meeting])
    of_runs = values[first]
    is_region = (roots == np.arange(len(roots))) & ~np.isin(of_runs, list(left_out))
    number = np.where(is_region, np.cumsum(is_region) - 1, OUTSIDE).astype(np.int32)
    return number[roots][runs], of_runs[is_region]


def _joined(count: int, a: NDArray[np.int32], b: NDArray[np.int32]) -> NDArray[np.int64]:
    """The least of those that each of `count` things is joined with, by pairs a[i] and b[i]."""
    roots = np.arange(count)
    while len(a):
        low, high = np.minimum(roots[a], roots[b]), np.maximum(roots[a], roots[b])
        np.minimum.at(roots, high, low)
        while not np.array_equal(further := roots[roots], roots):
            roots = further
        apart = roots[a] != roots[b]
        a, b = a[apart], b[apart]
    return roots

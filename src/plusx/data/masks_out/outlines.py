"""Outlines of regions along the edges of their pixels: what lies inside of them is the region exactly."""

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from plusx.data.masks_out.connected import OUTSIDE

Ring: TypeAlias = NDArray[np.int64]
"""Corners (N, 2), x, y in pixels from the upper left corner of the picture; the last is joined with the first."""

STEPS = np.array([[1, 0], [0, 1], [-1, 0], [0, -1]])
"""x, y of an edge that goes right, down, left, up; its region lies on its right."""


def outlines(numbers: NDArray[np.int32], count: int) -> list[list[Ring]]:
    """For each of the `count` regions of `connected` the outer ring, then its holes.

    No ring meets itself; rings of a region meet in single points at most. The outer ones go clockwise as the picture
    is seen, holes the other way: areas by the shoelace formula add up to the region's pixels.
    """
    places, ways, owners = _edges(numbers)
    columns = numbers.shape[1] + 1
    following = _following(places, ways, owners, columns)
    turns = np.empty(len(ways), np.bool_)
    turns[following] = ways[following] != ways
    rings: list[list[Ring]] = [[] for _ in range(count)]
    for ring in _cycles(following):
        corners = places[ring[turns[ring]]]
        rings[owners[ring[0]]].append(np.stack([corners % columns, corners // columns], axis=1))
    return rings


def _edges(numbers: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int32]]:
    """Between pixels of two regions, or beside one: the corner each begins at, its way, its region; by corner and way.

    Corners are counted row by row, one more in a row than there are pixels.
    """
    around = np.pad(numbers, 1, constant_values=OUTSIDE)
    beside = (around[:-2, 1:-1], around[1:-1, 2:], around[2:, 1:-1], around[1:-1, :-2])
    starts = ((0, 0), (0, 1), (1, 1), (1, 0))  # y, x from the pixel's upper left corner
    parts = []
    for way, (other, (down, right)) in enumerate(zip(beside, starts, strict=True)):
        y, x = np.nonzero((numbers != other) & (numbers != OUTSIDE))
        corner = (y + down) * (numbers.shape[1] + 1) + x + right
        parts.append((corner, np.full(len(y), way), numbers[y, x]))
    places, ways, owners = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.lexsort((ways, places))
    return places[order], ways[order], owners[order]


def _following(
    places: NDArray[np.int64], ways: NDArray[np.int64], owners: NDArray[np.int32], columns: int
) -> NDArray[np.int64]:
    """The edge after each. Where a region meets itself in a corner, the one to the left: over to the other pixel."""
    keys = places * 4 + ways
    ends = places + (STEPS @ np.array([1, columns]))[ways]
    following = np.full(len(ways), -1)
    for turn in (1, 0, -1):  # right, straight on, left: the last that is there counts
        wanted = ends * 4 + (ways + turn) % 4
        found = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
        there = (keys[found] == wanted) & (owners[found] == owners)
        following[there] = found[there]
    return following


def _cycles(following: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """The rings of a permutation, each from its least member on, by that member."""
    after = following.tolist()
    seen = bytearray(len(after))
    for start in range(len(after)):
        ring: list[int] = []
        edge = start
        while not seen[edge]:
            seen[edge] = 1
            ring.append(edge)
            edge = after[edge]
        if ring:
            yield np.array(ring)

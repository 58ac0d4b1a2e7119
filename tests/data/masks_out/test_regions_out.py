"""Regions of masks and back: by outlines, by run lengths, and beside scipy and pycocotools."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from pycocotools import mask as pycocotools_mask

from plusx.data.masks_out.connected import OUTSIDE, connected
from plusx.data.masks_out.outlines import outlines
from plusx.data.masks_out.run_lengths import encoded
from plusx.data.regions import filled

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools' own
coco: Any = pycocotools_mask
LEFT_OUT = 2
MASKS = arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 2))


def flooded(values: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Region by region, pixel by pixel."""
    numbers = np.full(values.shape, OUTSIDE)
    count = 0
    for start in np.ndindex(values.shape):
        waiting = [start] if numbers[start] == OUTSIDE and values[start] != LEFT_OUT else []
        count += bool(waiting)
        while waiting:
            y, x = waiting.pop()
            numbers[y, x] = count - 1
            for near in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
                inside = 0 <= near[0] < values.shape[0] and 0 <= near[1] < values.shape[1]
                if inside and numbers[near] == OUTSIDE and values[near] == values[start]:
                    waiting.append(near)
    return numbers


def area(ring: NDArray[np.int64]) -> float:
    (x, y), (x2, y2) = ring.T, np.roll(ring, -1, axis=0).T
    return float((x * y2 - x2 * y).sum()) / 2


@given(values=MASKS)
@settings(max_examples=150, deadline=None)
def test_regions_and_their_outlines_are_the_mask(values: NDArray[np.uint8]) -> None:
    numbers, labels = connected(values, {LEFT_OUT})
    assert np.array_equal(numbers, flooded(values))
    assert np.array_equal(labels[numbers[numbers >= 0]], values[values != LEFT_OUT])
    found = outlines(numbers, len(labels))
    assert len(found) == len(labels)
    for number, rings in enumerate(found):
        inside = np.zeros(values.shape, np.bool_)
        for ring in rings:
            inside ^= filled((ring.astype(np.float32),), values.shape)
            assert len(np.unique(ring, axis=0)) == len(ring)  # a valid polygon passes no corner twice
            steps = np.diff(ring, axis=0, append=ring[:1])
            assert ((steps == 0).sum(axis=1) == 1).all()  # along edges of pixels
            assert (np.diff(steps == 0, axis=0) != 0).all()  # and with no more corners than it has
        assert np.array_equal(inside, numbers == number)
        assert [area(ring) > 0 for ring in rings] == [True] + [False] * (len(rings) - 1)
        assert sum(map(area, rings)) == (numbers == number).sum()


@given(values=MASKS)
@settings(max_examples=150, deadline=None)
def test_run_lengths_are_those_of_pycocotools(values: NDArray[np.uint8]) -> None:
    numbers, labels = connected(values, {LEFT_OUT})
    regions = list(encoded(numbers))
    assert len(regions) == len(labels)
    for number, region in enumerate(regions):
        expected = coco.encode(np.asfortranarray((numbers == number).astype(np.uint8)))
        assert region.counts == expected["counts"].decode()
        assert region.area == coco.area(expected)
        assert list(region.box) == coco.toBbox(expected).tolist()


def test_a_large_mask_is_taken_apart_in_time() -> None:
    """Runs of thousands of pixels, differences beyond 5 bits, a region that winds through the whole picture."""
    comb = np.zeros((3000, 2000), np.uint8)
    comb[:, ::40] = comb[0] = 1
    comb[1500:1502, 21::40] = 3
    numbers, labels = connected(comb, {0})
    assert labels.tolist() == [1] + [3] * 50
    first = next(iter(encoded(numbers)))
    assert first.counts == coco.encode(np.asfortranarray((comb == 1).astype(np.uint8)))["counts"].decode()
    assert [len(rings) for rings in outlines(numbers, len(labels))] == [1] * 51

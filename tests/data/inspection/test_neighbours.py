import numpy as np
import pytest
from numpy.typing import NDArray

from plusx.data.inspection.neighbours import EFFORT, FARTHEST, MOST, Indices, near_pairs

RNG = np.random.default_rng(0)


def yes(first: Indices, second: Indices) -> NDArray[np.bool]:
    return np.ones(len(first), np.bool)


def random(count: int) -> NDArray[np.uint64]:
    return RNG.integers(0, 2**64, count, dtype=np.uint64)


def flipped(hashes: NDArray[np.uint64], bits: int) -> NDArray[np.uint64]:
    """Each with so many bits changed."""
    places = np.array([RNG.permutation(64)[:bits] for _ in hashes], np.uint64).reshape(len(hashes), bits)
    return hashes ^ np.bitwise_or.reduce(np.uint64(1) << places, axis=1)


def slowly(hashes: NDArray[np.uint64]) -> list[list[int]]:
    """All with all."""
    near = np.bitwise_count(hashes[:, None] ^ hashes[None]) <= FARTHEST
    return np.argwhere(np.triu(near, 1)).tolist()


@pytest.mark.parametrize("bits", [0, 1, 5, FARTHEST, FARTHEST + 1])
def test_all_pairs_up_to_the_farthest(bits: int) -> None:
    hashes = random(300)
    both = np.concatenate([hashes, flipped(hashes, bits)])
    found = near_pairs(both, yes).tolist()
    assert found == slowly(both)
    assert len(found) == (300 if bits <= FARTHEST else 0)


def test_hashes_that_have_much_in_common() -> None:
    hashes = random(400) & np.uint64(0x0F0F00FF00FF0F0F) & random(400)
    found = {tuple(pair) for pair in near_pairs(hashes, yes).tolist()}
    every = {tuple(pair) for pair in slowly(hashes)}
    assert found <= every
    assert {index for pair in found for index in pair} == {index for pair in every for index in pair}


def test_the_second_look_decides_and_is_asked_once_for_each_pair() -> None:
    hashes = random(50)
    both = np.concatenate([hashes, flipped(hashes, 3)])
    asked: list[tuple[int, int]] = []

    def odd(first: Indices, second: Indices) -> NDArray[np.bool]:
        asked.extend(zip(first.tolist(), second.tolist(), strict=True))
        return first % 2 == 1

    assert near_pairs(both, odd).tolist() == [[i, i + 50] for i in range(1, 50, 2)]
    assert len(asked) == len(set(asked)) == 50


@pytest.mark.parametrize("agree", [True, False])
@pytest.mark.parametrize("bits", [0, 3])
def test_a_crowd_costs_a_bounded_number_of_second_looks(agree: bool, bits: int) -> None:
    hashes = flipped(np.repeat(random(1), 3000), bits)
    looks = 0

    def look(first: Indices, second: Indices) -> NDArray[np.bool]:
        nonlocal looks
        looks += len(first)
        return np.full(len(first), agree)

    pairs = near_pairs(hashes, look)
    assert looks <= 3000 * (EFFORT + 2 * MOST) / 2  # each counts for two; one way to change bits may go beyond
    assert len(np.unique(pairs)) == (3000 if agree else 0)


@pytest.mark.parametrize("count", [0, 1])
def test_few(count: int) -> None:
    assert near_pairs(random(count), yes).shape == (0, 2)

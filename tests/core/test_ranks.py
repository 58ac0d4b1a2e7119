import pytest

from plusx.core.ranks import ALONE, Ranks


def test_alone_takes_everything() -> None:
    assert ALONE.slice_of(4, 9) == (4, 9)
    assert ALONE.share_of(5, 5) == 1
    assert ALONE.block_of(7) == range(7)


@pytest.mark.parametrize("world", [2, 3, 4])
@pytest.mark.parametrize("count", range(4, 12))
def test_slices_follow_each_other_and_the_first_is_the_largest(world: int, count: int) -> None:
    slices = [Ranks(rank, world).slice_of(10, 10 + count) for rank in range(world)]
    assert [place for begin, end in slices for place in range(begin, end)] == list(range(10, 10 + count))
    sizes = [end - begin for begin, end in slices]
    assert max(sizes) - min(sizes) <= 1
    assert sizes[0] == max(sizes)
    assert sum(Ranks(rank, world).share_of(size, count) for rank, size in enumerate(sizes)) == pytest.approx(1)


@pytest.mark.parametrize("count", [1, 2])
def test_what_is_too_small_to_be_divided_is_taken_whole_and_counts_once(count: int) -> None:
    ranks = [Ranks(rank, 3) for rank in range(3)]
    assert [one.slice_of(6, 6 + count) for one in ranks] == [(6, 6 + count)] * 3
    assert sum(one.share_of(count, count) for one in ranks) == pytest.approx(1)


@pytest.mark.parametrize("count", [0, 1, 7])
def test_blocks_hold_everything_once_and_in_order(count: int) -> None:
    assert [place for rank in range(3) for place in Ranks(rank, 3).block_of(count)] == list(range(count))

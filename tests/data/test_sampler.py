import numpy as np
import pytest

from plusx.core.errors import InputError
from plusx.core.targets import Label, Labels, Value
from plusx.data.sampler import IN_ORDER, Order, Repeated, Shuffled, Weighted, Windowed, balanced, batch_bounds, repeats


@pytest.mark.parametrize("order", [IN_ORDER, Shuffled(3), Weighted((1.0,) * 7, 3)])
def test_every_sample_comes_once_where_none_is_preferred(order: Order) -> None:
    assert sorted(order.indices(7, epoch=2)) == list(range(7))


@pytest.mark.parametrize("order", [IN_ORDER, Shuffled(3), Weighted((), 3)])
def test_nothing_to_order(order: Order) -> None:
    assert order.indices(0, epoch=0).shape == (0,)


@pytest.mark.parametrize("order", [Shuffled(3), Weighted((1.0, 2.0) * 50, 3)])
def test_order_depends_on_seed_and_epoch_alone(order: Order) -> None:
    count = 100
    first = order.indices(count, epoch=1)
    order.indices(count, epoch=5)
    np.testing.assert_array_equal(order.indices(count, epoch=1), first)
    assert (order.indices(count, epoch=2) != first).any()
    other = Shuffled(4) if isinstance(order, Shuffled) else Weighted((1.0, 2.0) * 50, 4)
    assert (other.indices(count, epoch=1) != first).any()


def test_weighted_counts_are_the_expected_ones_rounded_up_or_down() -> None:
    weights = (0.5, 1.0, 2.5, 0.0, 6.0, 0.1)
    expected = len(weights) * np.array(weights) / sum(weights)
    totals = np.zeros(len(weights))
    for epoch in range(400):
        counts = np.bincount(Weighted(weights, seed=1).indices(len(weights), epoch), minlength=len(weights))
        assert (counts >= np.floor(expected)).all()
        assert (counts <= np.ceil(expected)).all()
        totals += counts
    np.testing.assert_allclose(totals / 400, expected, atol=0.08)


def test_balanced_shows_all_classes_equally_often() -> None:
    targets = [Label(0)] * 90 + [Label(1)] * 6 + [Label(2)] * 3
    indices = balanced(targets, seed=5).indices(len(targets), epoch=0)
    classes = [targets[index].index for index in indices]
    assert [classes.count(c) for c in range(3)] == [33, 33, 33]


def test_balanced_lets_the_rarest_of_several_labels_count() -> None:
    targets = [Labels((0,))] * 8 + [Labels((0, 1))] * 2 + [Labels(())] * 4
    assert balanced(targets).weights == (1 / 10,) * 8 + (1 / 2,) * 2 + (1 / 4,) * 4


def test_balanced_refuses_what_has_no_classes() -> None:
    with pytest.raises(InputError, match=r"needs classes, but the targets are values\. Choose another balance"):
        balanced([Value((1.0,))])
    with pytest.raises(InputError, match="needs a label for every image"):
        balanced([Label(0), None])


def test_repeats_counts_earlier_occurrences() -> None:
    assert repeats(np.array([4, 1, 4, 4, 0, 1])).tolist() == [0, 0, 1, 2, 0, 1]
    assert repeats(np.array([], dtype=np.int64)).tolist() == []


@pytest.mark.parametrize(
    ("count", "batch_size", "sizes"),
    [
        (0, 4, []),
        (1, 4, [1]),
        (4, 4, [4]),
        (5, 4, [5]),  # a lone last sample joins
        (6, 4, [4, 2]),
        (9, 4, [4, 5]),
        (3, 2, [3]),
        (3, 1, [1, 1, 1]),
    ],
)
def test_batch_bounds(count: int, batch_size: int, sizes: list[int]) -> None:
    bounds = batch_bounds(count, batch_size)
    assert [end - begin for begin, end in bounds] == sizes
    assert [begin for begin, _ in bounds] == [sum(sizes[:i]) for i in range(len(sizes))]


def test_a_windowed_order_shows_every_sample_once_and_few_shards_at_a_time() -> None:
    counts, window = (7, 5, 0, 9, 4, 6, 8, 3), 3
    shard = np.repeat(np.arange(len(counts)), counts)
    orders = [Windowed(counts, seed=1, window=window).indices(42, epoch) for epoch in (0, 0, 1)]
    assert sorted(orders[0].tolist()) == list(range(42))
    assert (orders[0] == orders[1]).all()
    assert (orders[0] != orders[2]).any()
    for order in orders:
        seen = shard[order]
        spans = [np.flatnonzero(seen == one) for one in range(len(counts)) if counts[one]]
        open_at_once = [sum(span[0] <= place <= span[-1] for span in spans) for place in range(42)]
        assert max(open_at_once) <= window
        assert (np.diff(seen) != 0).sum() > len(counts)  # mixed, not one shard after the other


def test_a_window_that_holds_all_is_a_plain_shuffle() -> None:
    assert (Windowed((3, 4), seed=5).indices(7, 2) == Shuffled(5).indices(7, 2)).all()


def test_repeated_samples_stand_beside_each_other_and_are_as_many_as_before() -> None:
    order = Repeated(Shuffled(3), repeats=3)
    indices = order.indices(20, epoch=2)
    assert indices.tolist() == np.repeat(Shuffled(3).indices(20, 2)[:7], 3)[:20].tolist()
    assert len(set(indices.tolist())) == 7
    assert repeats(indices).tolist() == [0, 1, 2] * 6 + [0, 1]
    assert order.indices(20, epoch=3).tolist() != indices.tolist()
    with pytest.raises(InputError, match="repeats 0 must be at least 1"):
        Repeated(Shuffled(), repeats=0)

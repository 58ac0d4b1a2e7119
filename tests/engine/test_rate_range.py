import math

import pytest

from plusx.core.errors import InputError, NonFiniteLossError
from plusx.engine.rate_range import longest_fall, steepest, sweep, valley


def slow_longest(losses: list[float]) -> int:
    lengths = [1] * len(losses)
    for end in range(len(losses)):
        lengths[end] += max((lengths[before] for before in range(end) if losses[before] > losses[end]), default=0)
    return max(lengths)


def test_the_longest_fall_is_as_long_as_a_slow_search_finds_it() -> None:
    losses = [math.sin(1.7 * step) + math.cos(0.9 * step) - 0.05 * step for step in range(60)]
    begin, end = longest_fall(losses)
    inside = [loss for loss in losses[begin : end + 1] if losses[begin] >= loss >= losses[end]]
    assert slow_longest(inside) == slow_longest(losses)
    assert longest_fall([3.0, 2.0, 1.0]) == (0, 2)


def test_the_valley_is_in_the_middle_of_the_fall() -> None:
    losses = [5.0] * 20 + [5.0 - 0.1 * step for step in range(1, 31)] + [9.0] * 10
    assert valley(losses) in range(30, 40)
    assert steepest([10.0**n for n in range(4)], [3.0, 2.9, 1.0, 0.9]) == 1


def bowl(rate: float) -> float:
    """Learns between 1e-5 and 1e-1, and diverges above."""
    place = math.log10(rate)
    return 2.0 if place < -5 else 2.0 - 0.3 * (place + 5) if place < -1 else 10.0 ** (4 * (place + 1))


def test_it_ends_where_the_loss_diverges() -> None:
    seen: list[float] = []
    found = sweep(lambda rate: bowl(seen.append(rate) or rate), lambda done, total: None)
    assert len(seen) < 100
    assert 1e-5 < found.valley < 1e-1
    assert 1e-5 < found.steep < 1
    assert len(found.rates) == len(found.losses) == len(seen)


def test_a_loss_that_is_no_number_ends_it() -> None:
    def step(rate: float) -> float:
        if rate > 0.05:
            raise NonFiniteLossError("")
        return bowl(rate)

    assert sweep(step, lambda done, total: None).rates[-1] < 0.05


def test_where_nothing_is_learned_nothing_is_suggested() -> None:
    with pytest.raises(InputError, match=r"No rate can be suggested: the loss did not fall between 1e-07 and 10\. L"):
        sweep(lambda rate: 1.0 + rate / 1000, lambda done, total: None)


def test_a_loss_may_fall_below_zero() -> None:
    seen: list[float] = []
    found = sweep(lambda rate: bowl(seen.append(rate) or rate) - 1.9, lambda done, total: None)
    assert min(found.losses) < 0
    assert 1e-4 < found.valley < 1e-1
    assert len(seen) < 100

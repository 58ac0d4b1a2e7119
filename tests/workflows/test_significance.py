import numpy as np
import pytest
from scipy import stats

from plusx.workflows.significance import paired, welch


@pytest.mark.parametrize("sizes", [(2, 2), (3, 5), (10, 4)])
def test_as_scipy_has_it(sizes: tuple[int, int]) -> None:
    draw = np.random.default_rng(0)
    first, second = draw.normal(0.8, 0.02, sizes[0]), draw.normal(0.82, 0.05, sizes[1])
    found = welch(dict(enumerate(first.tolist())), dict(enumerate(second.tolist())))
    expected = stats.ttest_ind(second, first, equal_var=False)
    assert found is not None
    assert (found.t, found.p, found.freedom) == pytest.approx((expected.statistic, expected.pvalue, expected.df))
    interval = expected.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    both = min(sizes)
    pairs = paired(dict(enumerate(first.tolist())), dict(enumerate(second.tolist())))
    expected = stats.ttest_rel(second[:both], first[:both])
    assert pairs is not None
    assert (pairs.t, pairs.p, pairs.pairs) == pytest.approx((expected.statistic, expected.pvalue, both))
    interval = expected.confidence_interval(0.95)
    assert (pairs.low, pairs.high) == pytest.approx((interval.low, interval.high))


def test_pairs_are_those_of_one_seed() -> None:
    found = paired({1: 0.5, 2: 0.6, 7: 0.1}, {2: 0.7, 9: 0.9, 1: 0.8})
    assert found is not None
    assert found.pairs == 2
    assert found.mean == pytest.approx(0.2)


def test_what_cannot_be_tested() -> None:
    assert welch({0: 0.5}, {0: 0.6, 1: 0.7}) is None
    assert paired({0: 0.5, 1: 0.6}, {1: 0.6, 2: 0.7}) is None
    assert welch({0: 0.5, 1: 0.5}, {0: 0.6, 1: 0.6}) is None


def test_differences_that_are_equal_but_for_rounding_are_equal() -> None:
    assert paired({0: 0.1, 1: 0.2, 2: 0.3}, {0: 0.2, 1: 0.3, 2: 0.4}) is None

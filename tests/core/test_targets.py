import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plusx.core.errors import DataError
from plusx.core.targets import Label, Labels, Target, Value


def test_labels_may_be_none_at_all() -> None:
    assert Labels(()).indices == ()


def test_a_negative_class_is_refused() -> None:
    with pytest.raises(DataError, match="class index -1 is negative; classes are counted from 0"):
        Label(-1)


@pytest.mark.parametrize("indices", [(-1,), (2, 1), (1, 1), (0, 3, 2)])
def test_labels_are_sorted_distinct_and_not_negative(indices: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match="must be sorted, distinct and not negative"):
        Labels(indices)


@pytest.mark.parametrize("values", [(), (math.nan,), (1.0, math.inf), (-math.inf,)])
def test_values_are_finite_and_at_least_one(values: tuple[float, ...]) -> None:
    with pytest.raises(DataError, match="must be finite numbers, at least one"):
        Value(values)


@given(st.sets(st.integers(0, 1000)), st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_all_that_is_allowed_is_kept_as_it_is(indices: set[int], values: list[float]) -> None:
    assert Labels(tuple(sorted(indices))).indices == tuple(sorted(indices))
    assert Value(tuple(values)).values == tuple(values)


@pytest.mark.parametrize("target", [Label(2), Labels((0, 2)), Value((1.5, -2.0))])
def test_targets_of_the_whole_image_stay_when_the_image_moves(target: Target) -> None:
    assert target.flip(640) is target
    assert target.crop(1, 2, 30, 40) is target
    assert target.scale(0.5, 2.0) is target


def test_targets_can_be_compared_and_not_changed() -> None:
    assert Label(1) == Label(1) != Label(2)
    with pytest.raises(AttributeError, match="index"):
        Label(1).index = 2  # pyrefly: ignore - that this is refused is what is tested

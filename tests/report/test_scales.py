import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plusx.report.scales import Scale, base_of, linear, logarithmic, number, percent, round_step

finite = st.floats(-1e12, 1e12, allow_nan=False)


@given(st.lists(finite, max_size=6))
def test_linear_axes_hold_all_values_and_have_few_distinct_ticks(values: list[float]) -> None:
    scale = linear(values, 0, 100)
    slack = 1e-6 * (scale.high - scale.low)
    assert all(scale.low - slack <= value <= scale.high + slack for value in values)
    texts = [text for _, text in scale.ticks()]
    assert 2 <= len(texts) <= 12
    if scale.high - scale.low > 1e-3 * max(abs(scale.low), abs(scale.high)):
        assert len(set(texts)) == len(texts)


@given(st.lists(st.floats(1e-9, 1e9), max_size=6))
def test_logarithmic_axes_hold_all_values(values: list[float]) -> None:
    scale = logarithmic(values, 0, 100)
    assert all(scale.low <= value <= scale.high for value in values)
    assert all(0 <= scale(value) <= 100 for value, _ in scale.ticks())


@given(st.floats(1e-30, 1e30))
def test_steps_are_round_and_not_smaller(rough: float) -> None:
    step = round_step(rough)
    assert rough * (1 - 1e-6) <= step <= 2.6 * rough
    assert f"{step:.3e}".split("e")[0] in {"1.000", "2.000", "2.500", "5.000"}


@pytest.mark.parametrize(
    ("low", "high", "texts"),
    [
        (0, 1, ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (0, 0.001, ["0", "0.0002", "0.0004", "0.0006", "0.0008", "0.0010"]),
        (0, 12.5, ["0", "2.5", "5.0", "7.5", "10.0", "12.5"]),
        (-50, 50, ["-40", "-20", "0", "20", "40"]),
        (0, 50_000, ["0", "10k", "20k", "30k", "40k", "50k"]),
        (0, 12_500, ["0", "2.5k", "5.0k", "7.5k", "10.0k", "12.5k"]),
        (0, 5e6, ["0", "1M", "2M", "3M", "4M", "5M"]),
        (6e-5, 16e-5, ["6e-5", "8e-5", "1e-4", "1.2e-4", "1.4e-4", "1.6e-4"]),
    ],
)
def test_ticks(low: float, high: float, texts: list[str]) -> None:
    assert [text for _, text in Scale(low, high, 0, 100).ticks()] == texts


def test_logarithmic_ticks() -> None:
    assert [text for _, text in Scale(0.04, 3, 0, 100, logarithmic=True).ticks()] == [
        "0.05",
        "0.1",
        "0.2",
        "0.5",
        "1",
        "2",
    ]
    assert [text for _, text in Scale(1e-4, 9, 0, 100, logarithmic=True).ticks()] == [
        "0.0001",
        "0.001",
        "0.01",
        "0.1",
        "1",
    ]


def test_values_outside_stay_at_the_ends() -> None:
    scale = Scale(0, 10, 100, 200)
    assert [scale(v) for v in (-5, 0, 5, 10, 99)] == [100, 100, 150, 200, 200]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (12.0, "12"), (3.14159, "3.142"), (1e-5, "1e-5"), (2.5e7, "2.5e7"), (-0.5, "-0.5"), (math.inf, "inf")],
)
def test_number(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0.0"), (0.9226, "92.3"), (0.99949, "99.9"), (0.9996, "99.9"), (0.999999, "99.9"), (1.0, "100")],
)
def test_percent_is_full_only_when_it_is(share: float, text: str) -> None:
    assert percent(share) == f"{text}\u00a0%"


@pytest.mark.parametrize(
    ("values", "base"),
    [
        ([], 0),
        ([5e6], 0),
        ([0.0, 0.0], 0),
        ([1990.0, 2020.0], 0),
        ([1_700_000_123.0, 1_700_000_456.0], 1_700_000_000),
        ([-1_000_000.75, -1_000_000.25], -1_000_001),
        ([1e6, 1e6 + 1e-9], 0),
    ],
)
def test_values_close_together_and_far_from_0_have_a_base(values: list[float], base: float) -> None:
    assert base_of(values) == base

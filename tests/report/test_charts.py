import itertools
import math
from xml.etree import ElementTree

import pytest

from plusx.core.details import Pairs, ReliabilityBin
from plusx.report.charts import (
    LEFT,
    LINE_POINTS,
    RIGHT,
    SCATTER_POINTS,
    WIDTH,
    Series,
    error_histogram,
    line_chart,
    reliability,
    scatter,
)

NAN = math.nan


def shapes(picture: str, tag: str, kind: str) -> list[ElementTree.Element]:
    """Elements with the class `kind`, in order."""
    return [e for e in ElementTree.fromstring(picture).iter(tag) if kind in e.attrib.get("class", "").split()]


def line(*ys: float, log_y: bool = False) -> str:
    series = Series("loss", tuple(enumerate(ys, start=1)))
    return line_chart("Loss", [series], x_label="epoch", log_y=log_y).picture


def test_a_point_shows_its_value() -> None:
    titles = [dot[0].text for dot in shapes(line(3.0, 2.0, 1.5), "circle", "dot")]
    assert titles == ["loss, 1: 3", "loss, 2: 2", "loss, 3: 1.5"]


def test_larger_is_higher_and_later_is_further_right() -> None:
    dots = shapes(line(3.0, 2.0, 1.5), "circle", "dot")
    ys, xs = ([float(dot.attrib[key]) for dot in dots] for key in ("cy", "cx"))
    assert ys == sorted(ys)
    assert xs == sorted(xs)


def test_a_line_is_interrupted_where_there_is_no_number() -> None:
    assert len(shapes(line(3.0, 2.0, NAN, 1.0, math.inf, 0.5, 0.4), "polyline", "s1")) == 3


@pytest.mark.parametrize("ys", [(), (1.0,), (NAN,), (0.0, 0.0), (1e-300, 1e300), (-5.0, -5.0), (7e7, 7e7 + 1e-9)])
@pytest.mark.parametrize("log_y", [False, True])
def test_odd_values_give_a_picture(ys: tuple[float, ...], log_y: bool) -> None:
    dots = shapes(line(*ys, log_y=log_y), "circle", "dot")
    assert len(dots) == sum(map(math.isfinite, ys))
    assert all(0 <= float(dot.attrib["cy"]) <= 270 for dot in dots)


def test_a_logarithmic_axis_has_equal_steps_for_equal_ratios() -> None:
    dots = shapes(line(100.0, 10.0, 1.0, 0.1, log_y=True), "circle", "dot")
    ys = [float(dot.attrib["cy"]) for dot in dots]
    steps = [b - a for a, b in itertools.pairwise(ys)]
    assert steps == pytest.approx([steps[0]] * 3, abs=0.2)


def test_a_legend_from_two_lines_on() -> None:
    points = ((1.0, 1.0), (2.0, 2.0))
    assert line_chart("a", [Series("x", points)], x_label="epoch").legend == ()
    two = line_chart("a", [Series("x", points), Series("y", points)], x_label="epoch")
    assert two.legend == (("s1", "x"), ("s2", "y"))


def test_the_best_epoch_is_marked_if_it_is_in_the_picture() -> None:
    series = [Series("x", ((1.0, 1.0), (4.0, 2.0)))]
    assert len(shapes(line_chart("a", series, x_label="epoch", mark=3).picture, "line", "mark")) == 1
    assert shapes(line_chart("a", series, x_label="epoch", mark=9).picture, "line", "mark") == []


@pytest.mark.parametrize("epoch", [1, 3, 7, 35, 1000])
def test_a_single_point_is_large_and_stands_in_the_middle(epoch: int) -> None:
    picture = line_chart("Loss", [Series("loss", ((float(epoch), 2.0),))], x_label="epoch").picture
    [dot] = shapes(picture, "circle", "seen")
    assert float(dot.attrib["r"]) == 4
    assert float(dot.attrib["cx"]) == (LEFT + WIDTH - RIGHT) / 2
    assert [t.text for t in shapes(picture, "text", "middle")] == [str(epoch), "epoch"]


def test_a_point_between_gaps_is_seen_in_a_long_series() -> None:
    dots = shapes(line(*map(float, range(50)), NAN, 3.0, NAN), "circle", "seen")
    assert [dot[0].text for dot in dots] == ["loss, 52: 3"]


def test_epochs_are_whole_numbers() -> None:
    ticks = [t.text for t in shapes(line(1.0, 2.0, 3.0), "text", "middle")]
    assert ticks == ["1", "2", "3", "epoch"]


def test_long_series_are_thinned_with_both_ends_kept() -> None:
    dots = shapes(line(*map(float, range(5000))), "circle", "dot")
    assert len(dots) == LINE_POINTS
    assert (dots[0][0].text, dots[-1][0].text) == ("loss, 1: 0", "loss, 5000: 4999")


def test_scatter_lies_on_the_ideal_line_when_all_is_right() -> None:
    dots = shapes(scatter(Pairs("age", (1.0, 5.0, 9.0), (1.0, 5.0, 9.0))).picture, "circle", "point")
    xs, ys = ([float(d.attrib[key]) for d in dots] for key in ("cx", "cy"))
    slope = (ys[1] - ys[0]) / (xs[1] - xs[0])
    assert ys[2] - ys[1] == pytest.approx(slope * (xs[2] - xs[1]), abs=0.2)
    assert dots[1][0].text == "true 5, predicted 5"


def test_scatter_of_values_far_from_0_counts_from_a_round_number() -> None:
    figure = scatter(Pairs("time", (1_000_000.25, 1_000_000.75), (1_000_000.5, 1_000_000.5)))
    texts = [t.text for t in shapes(figure.picture, "text", "middle")]
    assert texts == ["0.2", "0.4", "0.6", "0.8", "true − 1000000"]
    tips = [dot[0].text for dot in shapes(figure.picture, "circle", "point")]
    assert tips[0] == "true 1000000 + 0.25, predicted 1000000 + 0.5"
    assert figure.note == "Both axes count from 1000000."


def test_scatter_of_many_says_how_many_are_drawn() -> None:
    values = tuple(float(v) for v in range(SCATTER_POINTS + 1))
    figure = scatter(Pairs("age", values, values))
    assert figure.note == f"{SCATTER_POINTS} of {SCATTER_POINTS + 1} images are drawn."
    assert scatter(Pairs("age", (1.0,), (1.0,))).note == ""


def test_histogram_counts_every_error() -> None:
    errors = (0.0, 0.0, 0.0, -3.0, 4.0)
    bars = shapes(error_histogram(Pairs("age", (10.0,) * 5, tuple(10 + e for e in errors))).picture, "rect", "bar")
    counts = [int((bar[0].text or "").split()[0]) for bar in bars if len(bar)]
    assert sum(counts) == 5
    assert max(counts) == 3


def test_histogram_without_errors() -> None:
    assert len(shapes(error_histogram(Pairs("age", (1.0,), (1.0,))).picture, "rect", "bar")) == 31
    assert len(shapes(error_histogram(Pairs("age", (), ())).picture, "rect", "bar")) == 31


def test_reliability_says_what_each_bar_is() -> None:
    bins = (ReliabilityBin(0.8, 0.866, 10, 0.83, 0.7), ReliabilityBin(0.933, 1.0, 30, 0.99, 0.9))
    figure = reliability(bins, 0.0975)
    tips = [bar[0].text for bar in shapes(figure.picture, "rect", "bar")]
    assert tips[0] == "confidence 83.0\u00a0%, right 70.0\u00a0%: 10 of 40 images"
    assert figure.note.startswith("Expected calibration error 9.8\u00a0%.")
    assert reliability(bins, None).note.startswith("Bars on the dashed line")

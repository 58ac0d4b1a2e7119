"""The validation split: nothing lost, nothing leaked, the same every time."""

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from plusx.core.errors import DataError, InputError
from plusx.core.masks import Mask
from plusx.core.sample import Kind, Listing, Sample
from plusx.core.targets import Boxes, Label, Labels, Target, Value
from plusx.data.split import _units, choose, with_validation


def sample(name: str, target: Target, group: str | None = None) -> Sample:
    return Sample(None, target, name, group)


def listing(samples: Sequence[Sample], kind: Kind = "label", classes: int = 3) -> Listing:
    return Listing({"train": tuple(samples)}, kind, tuple(f"c{index}" for index in range(classes)))


def labelled(*counts: int) -> list[Sample]:
    """counts[c] images of class c."""
    return [sample(f"c{c}/{i}.jpg", Label(c)) for c, count in enumerate(counts) for i in range(count)]


def names(samples: Sequence[Sample]) -> set[str]:
    return {sample.name for sample in samples}


def class_counts(samples: Sequence[Sample]) -> Counter[int]:
    return Counter(s.target.index for s in samples if isinstance(s.target, Label))


TARGETS: list[st.SearchStrategy[Target]] = [
    st.integers(0, 2).map(Label),
    st.sets(st.integers(0, 2)).map(lambda indices: Labels(tuple(sorted(indices)))),
    st.lists(st.integers(0, 2), max_size=4).map(lambda labels: Boxes.of([[0, 0, 1, 1]] * len(labels), labels)),
    st.floats(-1e6, 1e6).map(lambda value: Value((value, 1.0))),
]


@st.composite
def data_sets(draw: st.DrawFn) -> list[Sample]:
    group = draw(st.sampled_from([st.none(), st.none() | st.integers(0, 2).map(str), st.integers(0, 8).map(str)]))
    one = st.builds(sample, st.integers(0, 60).map("{}.jpg".format), draw(st.sampled_from(TARGETS)), group)
    return draw(st.lists(one, min_size=1, max_size=40))


def split_if_possible(samples: Sequence[Sample], fraction: float, seed: int) -> Listing | None:
    try:
        return with_validation(listing(samples), fraction, seed)
    except DataError as error:
        if "No validation split can be made" not in str(error):
            raise
        return None


@settings(max_examples=100, deadline=None)
@given(data_sets(), st.sampled_from([0.01, 0.2, 0.5, 0.99]), st.integers(0, 3))
def test_nothing_is_lost_repeated_or_leaked(samples: list[Sample], fraction: float, seed: int) -> None:
    after = split_if_possible(samples, fraction, seed)
    assume(after is not None)
    assert after is not None
    train, val = after.splits["train"], after.splits["val"]
    assert train
    assert val
    assert sorted(map(id, [*train, *val])) == sorted(map(id, samples))
    assert not names(train) & names(val)
    assert not {s.group for s in train} & {s.group for s in val} - {None}
    shuffled = random.Random(seed).sample(samples, len(samples))
    again = with_validation(listing(shuffled), fraction, seed)
    assert sorted(map(id, again.splits["val"])) == sorted(map(id, val))


@given(st.lists(st.integers(0, 30), min_size=1, max_size=5), st.integers(0, 5))
def test_every_class_of_two_is_on_both_sides_and_in_proportion(counts: list[int], seed: int) -> None:
    samples = labelled(*counts)
    if max(counts) < 2:
        return
    after = with_validation(listing(samples, classes=len(counts)), 0.2, seed)
    val = class_counts(after.splits["val"])
    for index, count in enumerate(counts):
        expected = 0 if count < 2 else min(max(round(count * 0.2), 1), count - 1)
        assert val[index] == expected


def test_the_split_stands_in_the_notes() -> None:
    after = with_validation(listing(labelled(50, 30, 1)), 0.2, 7)
    assert after.notes == (
        "validation split: 16 of 81 images (20%), stratified by class, seed 7",
        "too few images or groups to validate these classes, all stay in train: c2",
    )


def test_masks_are_drawn_at_random_and_not_called_stratified() -> None:
    samples = [Sample(Path(f"{n}.png"), Mask(np.zeros((1, 1), np.uint8)), f"{n}.png") for n in range(10)]
    after = with_validation(Listing({"train": tuple(samples)}, "mask", ("a", "b")), 0.2, 3)
    assert after.notes == ("validation split: 2 of 10 images (20%), drawn at random, seed 3",)


def test_another_seed_is_another_split() -> None:
    data = listing(labelled(100, 100))
    assert names(with_validation(data, seed=0).splits["val"]) != names(with_validation(data, seed=1).splits["val"])


def test_more_files_move_few() -> None:
    samples = labelled(500, 500)
    more = [*samples, *(sample(f"c0/new{i}.jpg", Label(0)) for i in range(10))]
    before = names(with_validation(listing(samples)).splits["val"])
    after = names(with_validation(listing(more)).splits["val"])
    assert len(before - after) <= 10
    assert len(after) == 202


def test_an_own_validation_split_is_left_alone() -> None:
    data = Listing({"train": tuple(labelled(5, 5)), "val": tuple(labelled(1, 1))}, "label", ("a", "b"))
    assert with_validation(data) is data
    only_test = Listing({"test": tuple(labelled(5, 5))}, "label", ("a", "b"))
    assert with_validation(only_test) is only_test


def test_test_split_and_order_are_kept() -> None:
    data = Listing({"train": tuple(labelled(9, 9)), "test": tuple(labelled(2, 2))}, "label", ("a", "b"))
    after = with_validation(data)
    assert list(after.splits) == ["train", "val", "test"]
    assert after.splits["test"] == data.splits["test"]
    order = [s.name for s in data.splits["train"]]
    assert [s.name for s in after.splits["train"]] == [n for n in order if n in names(after.splits["train"])]


def test_groups_of_a_realistic_size_stay_together_and_in_proportion() -> None:
    draw = random.Random(0)
    samples = [sample(f"{i}.jpg", Label(draw.randrange(4)), f"person{draw.randrange(80)}") for i in range(800)]
    after = with_validation(listing(samples, classes=4))
    val = class_counts(after.splits["val"])
    total = class_counts(samples)
    assert not {s.group for s in after.splits["train"]} & {s.group for s in after.splits["val"]}
    assert all(0.14 <= val[c] / total[c] <= 0.26 for c in total)
    assert "80 groups kept together" in after.notes[0]


def test_one_image_in_two_groups_joins_them() -> None:
    samples = [sample("a.jpg", Label(0), "1"), sample("a.jpg", Label(0), "2"), *labelled(8, 8)]
    samples += [sample("b.jpg", Label(0), "2"), sample("c.jpg", Label(0), "1")]
    for seed in range(8):
        after = with_validation(listing(samples), 0.5, seed)
        assert len({"a.jpg", "b.jpg", "c.jpg"} & names(after.splits["val"])) in (0, 3)


def test_rare_labels_of_multi_label_data_reach_both_sides() -> None:
    samples = [sample(f"{i}.jpg", Labels((0,) if i >= 4 else (0, 1))) for i in range(100)]
    after = with_validation(listing(samples, "labels"))
    rare = [s for s in after.splits["val"] if isinstance(s.target, Labels) and 1 in s.target.indices]
    assert 1 <= len(rare) <= 3
    assert 15 <= len(after.splits["val"]) <= 25


def test_values_are_spread_over_their_range() -> None:
    samples = [sample(f"{i}.jpg", Value((float(i),))) for i in range(100)]
    after = with_validation(listing(samples, "value"), 0.2)
    values = sorted(s.target.values[0] for s in after.splits["val"] if isinstance(s.target, Value))
    assert [sum(low <= value < low + 10 for value in values) for low in range(0, 100, 10)] == [2] * 10
    assert after.notes == ("validation split: 20 of 100 images (20%), stratified by intervals of the values, seed 0",)


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, 20.0])
def test_impossible_fraction(fraction: float) -> None:
    with pytest.raises(InputError, match=rf"Validation fraction {fraction} must lie between 0 and 1, e\.g\. 0\.2"):
        with_validation(listing(labelled(4, 4)), fraction)


def test_what_cannot_be_split() -> None:
    with pytest.raises(DataError, match=r"No validation split can be made of 1 image; expected at least two"):
        with_validation(listing(labelled(1)))
    with pytest.raises(DataError, match=r"of 3 images that all belong together \(group 'x'\); expected at least two"):
        with_validation(listing([sample(f"{i}", Label(i % 2), "x") for i in range(3)]))
    with pytest.raises(DataError, match=r"of 2 images of one name"):
        with_validation(listing([sample("a.jpg", Label(i)) for i in range(2)]))
    with pytest.raises(DataError, match=r"of 3 images: every class has only one image or group"):
        with_validation(listing(labelled(1, 1, 1)))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 30), min_size=2, max_size=3), st.sampled_from([0.01, 0.2, 0.5, 0.99]), st.integers(0, 3))
def test_single_labels_are_chosen_quickly_as_one_by_one(counts: list[int], fraction: float, seed: int) -> None:
    samples = labelled(*counts)
    after = split_if_possible(samples, fraction, seed)
    assume(after is not None)
    assert after is not None
    slowly = {samples[index].name for unit in choose(_units(samples, seed), fraction) for index in unit.members}
    assert names(after.splits["val"]) == slowly


def test_copies_stay_on_one_side() -> None:
    samples, pair, chain = (
        labelled(20, 20),
        ("c0/3.jpg", "c0/7.jpg"),
        [("c1/1.jpg", "c0/1.jpg"), ("c1/1.jpg", "c1/2.jpg")],
    )
    sides = set()
    for seed in range(12):
        after = with_validation(listing(samples), 0.3, seed, [pair, *chain])
        val = names(after.splits["val"])
        assert len(val & {*pair}) in (0, 2)
        assert len(val & {"c0/1.jpg", "c1/1.jpg", "c1/2.jpg"}) in (0, 3)
        assert after.notes[0].endswith("; copies and look-alikes of 3 pictures kept together")
        sides.add(pair[0] in val)
    assert sides == {True, False}


def test_copies_are_separated_where_no_split_could_be_made_otherwise_or_too_many_look_alike() -> None:
    one_each = [("c0/0.jpg", "c0/1.jpg"), ("c1/0.jpg", "c1/1.jpg")]
    after = with_validation(listing(labelled(2, 2)), 0.5, 0, one_each)
    assert class_counts(after.splits["val"]) == {0: 1, 1: 1}
    assert "kept together" not in after.notes[0]
    everything = [sample.name for sample in labelled(20, 20)]
    assert (
        with_validation(listing(labelled(20, 20)), 0.2, 0, [everything]).splits
        == with_validation(listing(labelled(20, 20)), 0.2, 0).splits
    )
    notes = with_validation(listing(labelled(20, 20)), 0.2, 0, [everything]).notes
    assert notes[1].startswith("copies and look-alikes of 1 pictures may stand on both sides of the split")

from collections import Counter

import numpy as np
import pytest

from plusx.core.errors import DataError
from plusx.core.sample import Sample
from plusx.core.targets import Label
from plusx.data.folds import folds


def samples(count: int, groups: int | None = None) -> list[Sample]:
    pixels = np.zeros((2, 2, 3), np.uint8)
    return [
        Sample(pixels, Label(i % 3), f"{i}.png", group=None if groups is None else str(i % groups))
        for i in range(count)
    ]


def test_every_image_is_in_one_part_and_classes_are_spread_evenly() -> None:
    made = samples(62)
    parts = folds(made, 5)
    assert sorted(position for part in parts for position in part) == list(range(62))
    counts = [Counter(position % 3 for position in part) for part in parts]
    assert all(max(c[k] for c in counts) - min(c[k] for c in counts) <= 1 for k in range(3))
    assert folds(made, 5) == parts
    assert folds(made, 5, seed=1) != parts


def test_groups_stay_together() -> None:
    parts = folds(samples(60, groups=10), 4)
    assert all(
        {position % 10 for position in one}.isdisjoint({p % 10 for p in two})
        for one in parts
        for two in parts
        if one is not two
    )


def test_too_few_groups_are_said() -> None:
    with pytest.raises(DataError, match="2 images or groups cannot be dealt into 5 parts"):
        folds(samples(60, groups=2), 5)


def test_copies_stay_together_unless_they_are_most_of_a_part() -> None:
    made = samples(60)
    pairs = [(f"{i}.png", f"{i + 30}.png") for i in range(30)]
    parts = folds(made, 5, copies=pairs)
    assert all({position % 30 for position in part} == {p % 30 for p in part if p < 30} for part in parts)
    assert sorted(map(len, parts)) == [12] * 5
    everything = [tuple(sample.name for sample in made)]
    assert folds(made, 5, copies=everything) == folds(made, 5)

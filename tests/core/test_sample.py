from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from plusx.core.sample import Listing, Sample
from plusx.core.targets import Label


def samples(*names: str) -> tuple[Sample, ...]:
    return tuple(Sample(Path(name), Label(0), name) for name in names)


def test_other_splits_leave_the_first_listing_as_it_was() -> None:
    listing = Listing({"train": samples("a", "b")}, "label", ("x",), notes=("first",))
    changed = listing.with_splits({"train": samples("a"), "val": samples("b")}, "second")
    assert {split: len(found) for split, found in changed.splits.items()} == {"train": 1, "val": 1}
    assert changed.notes == ("first", "second")
    assert (list(listing.splits), listing.notes) == (["train"], ("first",))
    assert (changed.kind, changed.classes) == ("label", ("x",))


def test_a_listing_does_not_follow_the_dict_it_was_given() -> None:
    splits = {"train": samples("a")}
    listing = Listing({}, "label").with_splits(splits)
    splits["val"] = samples("b")
    assert list(listing.splits) == ["train"]


def test_a_sample_needs_no_target_and_no_group() -> None:
    sample = Sample(Path("照片.jpg"), None, "照片.jpg")
    assert (sample.target, sample.group) == (None, None)
    with pytest.raises(FrozenInstanceError):
        sample.name = "other"  # pyrefly: ignore - that this is refused is what is tested

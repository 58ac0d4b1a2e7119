"""Large folders as a few arrays: the same samples as one by one, and little memory."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from plusx.core.sample import Sample, Samples, kept, picked
from plusx.core.targets import Label
from plusx.data.formats.format import Entry
from plusx.data.formats.options import ReadOptions
from plusx.data.formats.read import read


def tree(root: Path, *paths: str) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    return root


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tree(tmp_path, "猫/照片.jpg", "猫/inner/2.jpg", "dog/1.jpg", "dog/2.png", "dog/3.jpg")


def test_samples_are_those_that_stand_there_one_by_one(folder: Path) -> None:
    samples = read(folder).splits["train"]
    names = ["dog/1.jpg", "dog/2.png", "dog/3.jpg", "猫/照片.jpg", "猫/inner/2.jpg"]
    expected = tuple(Sample(folder / name, Label(int(name[0] == "猫")), name) for name in names)
    assert isinstance(samples, Samples)
    assert samples == expected
    assert expected == samples
    assert (samples[-1], samples[3], len(samples)) == (expected[-1], expected[3], 5)
    assert samples != expected[:4]
    for wrong in (5, -6):
        with pytest.raises(IndexError):
            samples[wrong]


def test_parts_stay_compact(folder: Path) -> None:
    samples = read(folder).splits["train"]
    assert isinstance(samples, Samples)
    for part in (samples[1:4:2], picked(samples, np.array([1, 3]))):
        assert isinstance(part, type(samples))
        assert [one.name for one in part] == ["dog/2.png", "猫/照片.jpg"]
    assert kept(samples, lambda one: one.target == Label(1)) == samples[3:]
    assert picked(tuple(samples), np.array([2])) == (samples[2],)


def test_a_group_pattern_and_a_second_source_read_as_before(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    grouped = read(folder, ReadOptions(group_pattern=r"^\d")).splits["train"]
    assert [one.group for one in grouped] == ["1", "2", "3", None, "2"]
    other = tree(tmp_path_factory.mktemp("other"), "dog/9.jpg", "猫/8.jpg")
    listing = read(folder, ReadOptions(validation_data=other))
    assert [one.name for one in listing.splits["val"]] == ["dog/9.jpg", "猫/8.jpg"]
    assert listing.classes == ("dog", "猫")


def test_the_current_directory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert [one.name for one in read(".").splits["train"]][:2] == ["dog/1.jpg", "dog/2.png"]


def test_as_entries(folder: Path) -> None:
    from plusx.data.formats.folders import read as entries

    found = entries(folder, ReadOptions()).entries
    assert found[-1] == Entry(folder / "猫/inner/2.jpg", "猫", "猫/inner/2.jpg")
    assert list(found[3:]) == list(found)[3:]


def test_memory_of_many_files(tmp_path: Path) -> None:
    files = 4000
    tree(tmp_path, *(f"class_{number % 2}/photo_{number:07}.jpg" for number in range(files)))
    read(tmp_path)
    tracemalloc.start()
    listing = read(tmp_path)
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(listing.splits["train"]) == files
    assert held / files < 80
    assert peak / files < 300

"""Images kept decoded: whole ones come back, whatever happened to the files."""

import errno
import multiprocessing
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from plusx.data.kept_pixels import KeptPixels, kept_size, shrunk, side_for

SIZES = [(60, 80), (20, 30), (100, 40)]


def picture(index: int, channels: int = 3) -> NDArray[np.uint8]:
    return np.random.default_rng(index).integers(0, 256, (*SIZES[index], channels), dtype=np.uint8)


def never() -> NDArray[np.uint8]:
    raise AssertionError("the file is read again")


@pytest.mark.parametrize("channels", [1, 3])
def test_the_second_time_comes_from_the_store(tmp_path: Path, channels: int) -> None:
    kept = KeptPixels(tmp_path / "k", SIZES, 40, channels)
    first = [kept.image(index, lambda index=index: picture(index, channels)) for index in range(3)]
    assert [one.shape for one, _ in first] == [(40, 53, channels), (20, 30, channels), (100, 40, channels)]
    assert [said for _, said in first] == ["", "", ""]
    assert np.array_equal(first[1][0], picture(1, channels))
    for again in (kept, KeptPixels(tmp_path / "k", SIZES, 40, channels), pickle.loads(pickle.dumps(kept))):
        for index in range(3):
            found, _ = again.image(index, never)
            assert np.array_equal(found, first[index][0])
            assert found.flags.writeable
    assert kept.bytes == sum(one.size for one, _ in first)


@pytest.mark.parametrize("file", ["pixels", "checksums"])
def test_a_row_that_is_not_whole_is_read_anew(tmp_path: Path, file: str) -> None:
    kept = KeptPixels(tmp_path / "k", SIZES, 40, 3)
    whole, _ = kept.image(0, lambda: picture(0))
    with (tmp_path / "k" / file).open("r+b") as stream:
        stream.write(b"\0\1\2")
    found, said = KeptPixels(tmp_path / "k", SIZES, 40, 3).image(0, lambda: picture(0))
    assert np.array_equal(found, whole)
    assert said == ""
    assert np.array_equal(KeptPixels(tmp_path / "k", SIZES, 40, 3).image(0, never)[0], whole)


def test_processes_share_what_they_keep(tmp_path: Path) -> None:
    kept = KeptPixels(tmp_path / "k", SIZES, 40, 3)
    kept.image(0, lambda: picture(0))  # its files are open when the other begins
    other = multiprocessing.get_context("fork").Process(target=lambda: kept.image(2, lambda: picture(2)))
    other.start()
    other.join()
    assert other.exitcode == 0
    assert np.array_equal(kept.image(2, never)[0], picture(2))


def test_a_full_disk_is_said_once_and_images_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("plusx.data.kept_pixels.os.write", full)
    kept = KeptPixels(tmp_path / "k", SIZES, 40, 3)
    found, said = kept.image(1, lambda: picture(1))
    assert np.array_equal(found, picture(1))
    assert said.endswith("(No space left on device); they are decoded in every epoch")
    assert kept.image(1, lambda: picture(1))[1] == ""
    assert kept.image(2, lambda: picture(2))[1] == ""


def test_a_place_that_is_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "k").write_text("")
    kept = KeptPixels(tmp_path / "k", SIZES, 40, 3)
    assert "could not be kept" in kept.image(1, lambda: picture(1))[1]


def test_sizes() -> None:
    assert kept_size(3000, 4000, 379) == (379, 505)
    assert kept_size(300, 200, 379) == (300, 200)
    assert kept_size(4000, 1, 379) == (4000, 1)
    assert side_for(224, 0.35) == 379
    assert side_for(224, 1.0) == 224
    assert side_for(224, 0.35, (3 / 4, 4 / 3)) == 438
    assert side_for(224, 1.0, (0.5, 4.0)) == 448
    kept = KeptPixels(Path("k"), SIZES, 100, 3)
    assert [kept.reduction(side, 2 * side) for side in (100, 299, 300, 600, 1200, 9999)] == [1, 1, 2, 4, 8, 8]


def test_shrinking_averages() -> None:
    stripes = np.zeros((40, 40, 3), np.uint8)
    stripes[::2] = 200
    small = shrunk(stripes, kept_size(40, 40, 10))
    assert small.shape == (10, 10, 3)
    assert 85 <= small.min() <= small.max() <= 115

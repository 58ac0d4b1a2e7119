import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from plusx.core.errors import InputError, StorageError, WeightsError
from plusx.engine import checkpoint

WEIGHTS = torch.arange(50_000.0)
CONTENT = {"weights": WEIGHTS, "state": {"step": 1, "history": [{"loss": 0.5}]}}


@contextmanager
def small_disk(size: int) -> Iterator[None]:
    """No file may grow beyond `size` bytes: the system itself refuses, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    checkpoint.write(tmp_path / "x.pt", CONTENT)
    content = checkpoint.read(tmp_path / "x.pt")
    assert torch.equal(content["weights"], WEIGHTS)
    assert content["state"] == CONTENT["state"]
    assert content["versions"]["torch"] == str(torch.__version__)
    assert torch.load(tmp_path / "x.pt", weights_only=True)["format"] == checkpoint.FORMAT


def test_saving_keeps_the_one_before(tmp_path: Path) -> None:
    for step in (1, 2, 3):
        checkpoint.save(tmp_path, {"step": step})
    assert checkpoint.newest(tmp_path)[0]["step"] == 3
    assert checkpoint.read(tmp_path / "previous.pt")["step"] == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["last.pt", "previous.pt"]


def test_as_many_are_kept_as_asked_for(tmp_path: Path) -> None:
    for step in range(1, 7):
        checkpoint.save(tmp_path, {"step": step}, keep=4)
    kept = checkpoint.kept(tmp_path)
    assert [path.name for path in kept] == ["last.pt", "previous.pt", "previous-2.pt", "previous-3.pt"]
    assert [checkpoint.read(path)["step"] for path in kept] == [6, 5, 4, 3]
    for path in kept[:2]:
        path.unlink()
    assert checkpoint.newest(tmp_path)[0]["step"] == 4  # killed between two renames
    checkpoint.save(tmp_path, {"step": 7}, keep=1)
    assert [path.name for path in checkpoint.kept(tmp_path)] == ["last.pt"]


def test_every_cut_is_found(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    checkpoint.write(path, CONTENT)
    whole = path.read_bytes()
    for length in (0, 1, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(WeightsError, match="is cut off or damaged: it is no complete checkpoint"):
            checkpoint.read(path)


def test_a_flipped_bit_that_torch_would_load_is_found(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    checkpoint.write(path, CONTENT)
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)
    assert not torch.equal(torch.load(path, weights_only=True)["weights"], WEIGHTS)
    with pytest.raises(WeightsError, match=r"the checksum of its record .* does not match"):
        checkpoint.read(path)


def test_foreign_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    torch.save({"weights": torch.zeros(2)}, path)
    with pytest.raises(WeightsError, match="no checkpoint of this version: found format None, expected 1"):
        checkpoint.read(path)
    torch.save(print, path)
    with pytest.raises(
        WeightsError,
        match=r"x\.pt holds more than tensors and plain values, and loading it could execute code: refused",
    ):
        checkpoint.read(path)


def test_a_full_disk_leaves_the_older_ones(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, {"step": 1})
    checkpoint.save(tmp_path, {"step": 2})
    with (
        small_disk(100_000),
        pytest.raises(StorageError, match=r"last\.pt could not be written: File too large. What was there before"),
    ):
        checkpoint.save(tmp_path, CONTENT)
    assert checkpoint.newest(tmp_path)[0]["step"] == 2
    assert checkpoint.read(tmp_path / "previous.pt")["step"] == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["last.pt", "previous.pt"]


def test_damaged_ones_are_set_aside(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, {"step": 1})
    checkpoint.save(tmp_path, {"step": 2})
    (tmp_path / "last.pt").write_bytes(b"torn")
    content, notes = checkpoint.newest(tmp_path)
    assert content["step"] == 1
    assert len(notes) == 1
    assert notes[0].endswith("Skipped and renamed to last.pt.damaged.")
    checkpoint.save(tmp_path, {"step": 3})
    assert checkpoint.read(tmp_path / "previous.pt")["step"] == 1


def test_nothing_valid(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"No checkpoint to resume from in .*: expected last.pt or previous.pt.$"):
        checkpoint.newest(tmp_path)
    (tmp_path / "last.pt").write_bytes(b"torn")
    with pytest.raises(InputError, match=r"is cut off or damaged.*Skipped and renamed"):
        checkpoint.newest(tmp_path)


def test_leftovers_of_a_killed_process_are_cleared(tmp_path: Path) -> None:
    for name in (".last.abcd0_12.pt", ".best.xyzxyzxy.pt"):
        (tmp_path / name).touch()
    (tmp_path / "keep.pt").touch()
    checkpoint.make(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["keep.pt"]

"""Loading processes that are killed, and files that come and go while an epoch runs."""

import errno
import itertools
import multiprocessing
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from plusx.core.batch import Batch, Request
from plusx.core.card import Input
from plusx.core.errors import DataError
from plusx.core.sample import Sample
from plusx.core.targets import Label
from plusx.data import patience, reader
from plusx.data.batching import Divided
from plusx.data.encode import encoder
from plusx.data.handling import Handling, Unreadable
from plusx.data.loader import Loader
from plusx.data.reader import Answer
from plusx.data.sampler import Shuffled
from plusx.data.transforms import TrainTransform, TrainTransformConfig

TRAIN = TrainTransform(Input(size=(32, 32), resize=32), TrainTransformConfig(brightness=0.2))


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "WAITS", (0.02, 0.05, 0.1))


@pytest.fixture
def samples(tmp_path: Path) -> list[Sample]:
    rng = np.random.default_rng(0)
    made = []
    for number in range(24):
        path = tmp_path / f"图 {number}.png"
        Image.fromarray(rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)).save(path)
        made.append(Sample(path, Label(number % 3), path.name))
    return made


def loading(
    samples: list[Sample], workers: int = 0, *, unreadable: Unreadable = "stop", notes: list[str] | None = None
) -> Loader:
    loader = Loader(
        samples, TRAIN, encode=encoder("label", 3), batching=Divided(4, Shuffled(1)), workers=workers, seed=5
    )
    loader.handling = Handling(unreadable, [].append if notes is None else notes.append)
    return loader


def same(found: list[Batch], expected: list[Batch]) -> bool:
    return [one.names for one in found] == [other.names for other in expected] and all(
        torch.equal(one.images, other.images) for one, other in zip(found, expected, strict=True)
    )


def test_a_killed_process_is_replaced_at_the_same_image(samples: list[Sample]) -> None:
    notes: list[str] = []
    expected = [batch for epoch in (0, 1) for batch in loading(samples).epoch(epoch)]
    loader = loading(samples, 2, notes=notes)
    handler = signal.getsignal(signal.SIGCHLD)
    source = loader.epoch(0)
    found = [next(source)]
    assert signal.getsignal(signal.SIGCHLD) == handler  # nothing is raised in the middle of a step
    for child in multiprocessing.active_children():
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
    found += [*source, *loader.epoch(1)]
    assert same(found, expected)
    (note,) = notes
    assert note.startswith("A process that loads images was ended from outside, most often because memory ran out")
    assert note.endswith("It goes on at the same image with 1 of them; results stay the same.")


def test_a_process_killed_while_it_hands_over_a_batch_is_known_by_its_connection(
    samples: list[Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    notes: list[str] = []
    expected = list(loading(samples).epoch(0))
    loader = loading(samples, 1, notes=notes)
    begun, killed = Loader._begun, iter([1])

    def breaking(loader: Loader, requests: list[Request]) -> Iterator[Answer]:
        yield from itertools.islice(begun(loader, requests), 2) if next(killed, None) else begun(loader, requests)
        raise ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")

    monkeypatch.setattr(Loader, "_begun", breaking)
    assert same(list(loader.epoch(0)), expected)
    (note,) = notes
    assert "Connection reset by peer" in note


@pytest.mark.parametrize("workers", [0, 1])
def test_a_file_that_was_away_for_a_moment_is_read_after_all(
    samples: list[Sample], workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes: list[str] = []
    expected = list(loading(samples).epoch(0))
    path = samples[int(Shuffled(1).indices(24, 0)[6])].image
    assert isinstance(path, Path)
    away = path.rename(path.with_suffix(".away"))

    def returns(seconds: float) -> None:  # instead of the wait; in the process that reads
        assert seconds == 0.02
        away.rename(path)

    source = loading(samples, workers, notes=notes)
    monkeypatch.setattr(patience, "sleep", returns)
    found = list(source.epoch(0))
    assert same(found, expected)
    assert notes == [
        f"{path.name} could be read only at try 2 ({path}: there is no such file.); 1 so far in this epoch."
    ]


def test_a_disk_that_stays_away_is_waited_for_once_and_named() -> None:
    calls: list[int] = []

    def away() -> None:
        calls.append(1)
        raise OSError(errno.ESTALE, "Stale file handle")

    with pytest.raises(DataError, match=r"^Image a could not be read: \[Errno \d+\] Stale file handle$"):
        list(loading([Sample(away, Label(0), name) for name in "abcd"]).epoch(0))
    assert len(calls) == 4 + 3  # the first sample's tries, and one for each of the others


@pytest.mark.parametrize("workers", [0, 1])
def test_an_image_is_left_out_alone_and_said(samples: list[Sample], workers: int) -> None:
    notes: list[str] = []
    expected = list(loading(samples).epoch(0))
    name = expected[2].names[1]
    lost = next(sample for sample in samples if sample.name == name)
    assert isinstance(lost.image, Path)
    lost.image.unlink()
    found = list(loading(samples, workers, unreadable="skip", notes=notes).epoch(0))
    kept = torch.tensor([0, 2, 3])
    assert [len(batch) for batch in found] == [4, 4, 3, 4, 4, 4]
    assert torch.equal(found[2].images, expected[2].images[kept])
    assert torch.equal(found[2].indices, expected[2].indices[kept])
    assert found[2].names == tuple(expected[2].names[place] for place in kept)
    assert same(found[3:], expected[3:])
    reason = f"Image {name} could not be read: {lost.image}: there is no such file."
    assert notes == [f"{reason} It was left out of epoch 1: 1 of at most 1."]


def test_too_many_are_not_left_out(samples: list[Sample]) -> None:
    notes: list[str] = []
    for place in (2, 9):
        path = samples[int(Shuffled(1).indices(24, 0)[place])].image
        assert isinstance(path, Path)
        path.write_bytes(b"")
    with pytest.raises(
        DataError, match=r"empty \(0 bytes\)\. Left out were 1 before; more than 1 images of an epoch are not left out"
    ):
        list(loading(samples, unreadable="skip", notes=notes).epoch(0))
    assert len(notes) == 1


def test_memory_that_runs_out_in_a_loading_process_is_said() -> None:
    def exhausted() -> None:
        raise MemoryError

    with pytest.raises(DataError, match=r"^Image a could not be read: memory ran out$"):
        list(loading([Sample(exhausted, Label(0), "a")], 1).epoch(0))

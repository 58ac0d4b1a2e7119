import json
import struct
from pathlib import Path
from typing import Any

import pytest

from plusx.core.errors import StorageError
from plusx.engine.interrupt import Interrupt
from plusx.engine.journal import Journal, read_journal
from plusx.engine.observer import BeginInfo, EpochInfo, StepInfo
from plusx.engine.plan import Plan
from plusx.engine.train import train


def step(number: int, loss: float = 0.5) -> StepInfo:
    return StepInfo(number, 1, 8, loss, loss, 0.1)


def run(tiny: Any, directory: Path, stop: int | None = None, *, resume: bool = False) -> list[tuple[Any, ...]]:
    """The journal's entries after a run, but for measured times."""
    interrupt = Interrupt()
    journal = Journal(directory, every=1, tensorboard=False)
    parts = tiny.parts(directory / "checkpoints", journal, tiny.listener(stop, interrupt), interrupt=interrupt)
    train(tiny.seeded(), tiny.batches(), Plan(epochs=3), tiny.cpu, parts=parts, resume=resume)
    entries = list(read_journal(directory / "metrics.jsonl"))
    timed = ("train/seconds", "train/images_per_second")
    return [(*entry.values(),) for entry in entries if entry["name"] not in timed]


@pytest.mark.parametrize("stop", [3, 5, 7])
def test_an_interrupted_and_continued_journal_is_as_if_nothing_happened(tiny: Any, tmp_path: Path, stop: int) -> None:
    whole = run(tiny, tmp_path / "whole")
    run(tiny, tmp_path / "parts", stop)
    with (tmp_path / "parts" / "metrics.jsonl").open("a") as file:  # what a killed process wrote after its checkpoint
        file.write(json.dumps({"step": stop + 1, "epoch": 9, "name": "step/loss", "value": 9.0}) + "\n")
        file.write('{"step": 1, "na')
    assert run(tiny, tmp_path / "parts", resume=True) == whole
    assert len(whole) == len(set(whole))


def test_lines(tmp_path: Path) -> None:
    journal = Journal(tmp_path, every=2, tensorboard=False)
    journal.on_begin(BeginInfo(1, 4, 0, 0))
    for number in (1, 2, 3):
        journal.on_step(step(number, float("nan")))
    journal.on_epoch(EpochInfo(1, 4, {"epoch": 1.0, "step": 4.0, "val/é": 0.25}, "é", True))
    journal.on_end("finished")
    assert [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text(encoding="utf-8").splitlines()] == [
        {"step": 2, "epoch": 1, "name": "step/loss", "value": None},
        {"step": 2, "epoch": 1, "name": "step/rate", "value": 0.1},
        {"step": 4, "epoch": 1, "name": "val/é", "value": 0.25},
    ]


def test_a_full_disk_is_one_clear_error(tmp_path: Path) -> None:
    journal = Journal(tmp_path, every=1, tensorboard=False)
    journal.path = Path("/dev/full")
    with pytest.raises(StorageError, match="/dev/full could not be written: No space left on device"):
        journal.on_step(step(1))


def test_an_epoch_that_was_not_closed_is_not_there_twice(tmp_path: Path) -> None:
    """Killed after its values were written, and before they were in a checkpoint."""
    for _ in range(2):
        journal = Journal(tmp_path, every=1, tensorboard=False)
        journal.on_begin(BeginInfo(2, 4, 0, 4))
        journal.on_step(step(5))
        journal.on_epoch(EpochInfo(1, 4, {"val/top-1": 0.5}, "top-1", best=True))
    journal.on_begin(BeginInfo(2, 4, 1, 4))
    assert [entry["name"] for entry in read_journal(journal.path)] == ["val/top-1"]


def records(path: Path) -> list[bytes]:
    """The records of a TensorBoard file: length (8 bytes), its checksum (4), data, its checksum (4)."""
    content, found, position = path.read_bytes(), [], 0
    while position < len(content):
        (length,) = struct.unpack_from("<Q", content, position)
        found.append(content[position + 12 : position + 12 + length])
        position += length + 16
    return found


def test_tensorboard_events(tmp_path: Path) -> None:
    from tensorboard.compat.proto import event_pb2

    for begin in (0, 3):
        journal = Journal(tmp_path, every=1)
        journal.on_begin(BeginInfo(1, 4, 0, begin))
        journal.on_step(step(begin + 1))
        journal.on_end(None)
    files = sorted((tmp_path / "tensorboard").iterdir())
    made: Any = event_pb2
    events = [made.Event.FromString(record) for path in files for record in records(path)]
    scalars = [(event.step, value.tag, value.simple_value) for event in events for value in event.summary.value]
    assert [(number, tag) for number, tag, _ in scalars] == [
        *[(1, "step/loss"), (1, "step/rate")],
        *[(4, "step/loss"), (4, "step/rate")],
    ]
    assert scalars[0][2] == 0.5
    starts = [event.step for event in events if event.session_log.status == made.SessionLog.START]
    assert starts == [4]

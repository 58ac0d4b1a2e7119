"""`plusx fit` in a process of its own, killed at a moment of our choice and begun again with the same line."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors.torch import load_file

from plusx.engine import checkpoint
from plusx.engine.journal import read_journal

PLUSX = Path(sys.executable).parent / "plusx"
LIMIT = 600  # seconds that one process may take

SETTINGS: dict[str, Any] = {
    "model": "resnet20",
    "batch_size": 8,
    "device": "cpu",
    "precision": "fp32",
    "compile": "no",
    "seed": 7,
}

Moment = Callable[["Attempt"], bool]
"""Whether it has come; asked without a pause."""


def line(data: Path, run: Path, *, epochs: int, workers: int, more: Sequence[str] = ()) -> list[str]:
    """The same for the first start and every later one. A checkpoint is written after every step."""
    words = {**SETTINGS, "epochs": epochs, "workers": workers, "checkpoint_minutes": 0, "out": run, "resume": "auto"}
    options = [word for name, value in words.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    return [str(PLUSX), "fit", str(data), *options, "--no-export", *more]


@dataclass
class Attempt:
    """One process. `seen`: the half-written checkpoints that were met."""

    process: "Process"
    run: Path
    journal_before: int
    said: Path
    began: float
    seen: set[str]

    def writing(self) -> list[str]:
        """The checkpoints that are half written now."""
        with contextlib.suppress(FileNotFoundError):
            names = os.listdir(self.run / "checkpoints")  # noqa: PTH208 - asked thousands of times
            return [name for name in names if name.startswith((".last.", ".best."))]
        return []

    def training(self) -> bool:
        """Whether its training has begun: the journal is then another file."""
        return journal_of(self.run) not in (0, self.journal_before)


@dataclass(frozen=True)
class Ending:
    """`killed`: it did not come to its end before. `half`: a checkpoint was half written when it was killed."""

    killed: bool
    half: bool
    said: str


def journal_of(run: Path) -> int:
    with contextlib.suppress(FileNotFoundError):
        return (run / "metrics.jsonl").stat().st_ino
    return 0


class Process(Protocol):
    """What is needed of `subprocess.Popen`."""

    def poll(self) -> int | None: ...
    def wait(self, timeout: float) -> int: ...
    def kill(self) -> None: ...


def started(words: Sequence[str], said: Path) -> Process:
    """A new process, from the first line of Python on."""
    with said.open("wb") as file:
        return subprocess.Popen(words, stdout=file, stderr=file, start_new_session=True)


def attempt(
    words: Sequence[str],
    run: Path,
    moment: Moment | None = None,
    start: Callable[[Sequence[str], Path], Process] = started,
) -> Ending:
    """Runs the line, and kills it (SIGKILL) when the moment comes; without one it has to end well."""
    said = run.parent / "said.txt"
    process = start(words, said)
    one = Attempt(process, run, journal_of(run), said, time.monotonic(), set())
    try:
        killed = moment is not None and _killed(one, moment)
        code = process.wait(LIMIT)
    finally:
        process.kill()
    text = said.read_text(encoding="utf-8")
    assert killed or code == 0, text
    assert killed or "Traceback" not in text, text  # loading processes that lost their parent may still complain
    return Ending(killed, killed and bool(one.writing()), text)


def _killed(one: Attempt, moment: Moment) -> bool:
    deadline = time.monotonic() + LIMIT
    while one.process.poll() is None:
        assert time.monotonic() < deadline, one.said.read_text(encoding="utf-8")
        if moment(one):
            one.process.kill()
            return one.process.wait(LIMIT) == -signal.SIGKILL
        time.sleep(0.0002)
    return False


def while_writing(count: int) -> Moment:
    """As soon as this attempt's half-written checkpoint of that number appears, counted from 1."""

    def come(one: Attempt) -> bool:
        if not one.training():
            return False
        one.seen.update(one.writing())
        return len(one.seen) >= count

    return come


def after_training_for(seconds: float) -> Moment:
    """So long after its first step could be made."""
    begun: list[float] = []

    def come(one: Attempt) -> bool:
        if not begun and one.training():
            begun.append(time.monotonic())
        return bool(begun) and time.monotonic() - begun[0] >= seconds

    return come


def after(seconds: float) -> Moment:
    """So long after the process was started: anywhere, also before the run has begun and after it was trained."""
    return lambda one: time.monotonic() - one.began >= seconds


def differences(run: Path, other: Path) -> Iterator[str]:
    """What two finished runs do not have in common, bit for bit: weights, all of the state, best weights, curves."""
    yield from _differing("model", load_file(run / "model.safetensors"), load_file(other / "model.safetensors"))
    for name in (checkpoint.LAST, checkpoint.BEST):
        one, two = (checkpoint.read(path / "checkpoints" / name) for path in (run, other))
        yield from _differing(name, _without_times(one), _without_times(two))
    if curves(run) != curves(other):
        yield "metrics.jsonl"


def curves(run: Path) -> list[dict[str, Any]]:
    """What metrics.jsonl holds, but for times."""
    return [entry for entry in read_journal(run / "metrics.jsonl") if not _is_time(entry["name"])]


def _is_time(name: str) -> bool:
    return name in ("train/seconds", "train/images_per_second", "seconds")


def _without_times(content: dict[str, Any]) -> dict[str, Any]:
    """Nor the settings of the call and the notes, which say how often it went on."""
    kept = {name: value for name, value in content.items() if name not in ("about", "versions", "placement")}
    if "state" in kept:
        state = {name: value for name, value in kept["state"].items() if name not in ("seconds", "notes")}
        state["history"] = [{k: v for k, v in epoch.items() if not _is_time(k)} for epoch in state["history"]]
        kept["state"] = state
    return kept


def _differing(where: str, one: Any, other: Any) -> Iterator[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted({*one, *other}, key=str):
            yield from _differing(f"{where}.{key}", one.get(key), other.get(key))
    elif isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        if one.dtype != other.dtype or not torch.equal(one, other):
            yield where
    elif one != other:
        yield where

"""Journal: `metrics.jsonl` and TensorBoard events of a run."""

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from plusx.core.errors import StorageError
from plusx.core.storage import replacing
from plusx.engine.events import Events
from plusx.engine.observer import BeginInfo, EpochInfo, Silent, StepInfo, Stopped


class Journal(Silent):
    """Writes `directory`/metrics.jsonl, one {"step", "epoch", "name", "value"} a line, and `directory`/tensorboard.

    Loss and rate of every `every`-th step and of those that were measured, with their norms; all values of every epoch,
    and those that were `added` to it; a value that is not finite becomes null.
    When a run goes on at step s, whatever was written of later steps and of epochs that are not closed is taken out, so
    that nothing is there twice.
    Raises StorageError.
    """

    def __init__(self, directory: Path, *, every: int = 10, tensorboard: bool = True) -> None:
        self.path = directory / "metrics.jsonl"
        self._every = every
        self._added: Mapping[str, float] = {}
        self._events = Events(directory / "tensorboard") if tensorboard else None

    def on_begin(self, info: BeginInfo) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.exists():
            _keep_until(self.path, info.epoch, info.step)
        if self._events is not None:
            self._events.open(info.step)

    def on_step(self, info: StepInfo) -> None:
        if info.step % self._every == 0 or info.norms:
            momentum = {} if info.momentum is None else {"step/momentum": info.momentum}
            norms = {f"step/{name}": value for name, value in info.norms.items()}
            self._write(info.step, info.epoch, {"step/loss": info.loss, "step/rate": info.rate, **momentum, **norms})

    def add(self, values: Mapping[str, float]) -> None:
        """What is written beside the values of the epoch that is under way, in place of what was added before."""
        self._added = values

    def on_epoch(self, info: EpochInfo) -> None:
        values = {name: value for name, value in info.values.items() if name not in ("epoch", "step")}
        self._write(info.step, info.epoch, {**values, **self._added})
        self._added = {}

    def on_end(self, stopped: Stopped | None) -> None:
        if self._events is not None:
            self._events.close()

    def _write(self, step: int, epoch: int, values: Mapping[str, float]) -> None:
        lines = [
            json.dumps({"step": step, "epoch": epoch, "name": name, "value": value if math.isfinite(value) else None})
            for name, value in values.items()
        ]
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write("\n".join(lines) + "\n")
            if self._events is not None:
                self._events.write(step, values)
        except OSError as error:
            raise StorageError(f"{self.path} could not be written: {error.strerror or error}.") from error


def read_journal(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a metrics.jsonl; a last line that was cut off is left out."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.endswith("\n"):
                yield json.loads(line)


def _keep_until(path: Path, epoch: int, step: int) -> None:
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as kept:
        for entry in read_journal(path):
            of_epoch = not entry["name"].startswith("step/")
            if entry["step"] <= step and not (of_epoch and entry["epoch"] > epoch):
                kept.write(json.dumps(entry) + "\n")

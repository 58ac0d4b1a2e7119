"""State: everything the loop counts, as plain values."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from plusx.engine.notes import MOST


@dataclass
class State:
    """`epoch` and `step` are those done; `batch` counts the batches done of the epoch that is under way.

    `at_best`: the weights are the best ones, found at the end of epoch `best_epoch`, and no step was made since.
    `samples`, `sums` (loss part → sum over samples) and `seconds` are those of that epoch, so that its means go on
    where they were. `notes`: see `Outcome`; the first MOST are kept. `skipped`: steps of
    that epoch that were not applied.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    samples: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    best_metric: float | None = None
    best_epoch: int = 0
    at_best: bool = False
    history: list[dict[str, float]] = field(default_factory=list)
    notes: list[dict[str, Any]] = field(default_factory=list)
    skipped: int = 0
    skipped_in_a_row: int = 0

    def count(self, losses: Mapping[str, float], samples: int, batches: int) -> None:
        """One step with these mean losses over `samples` of `batches` batches."""
        self.step += 1
        self.skipped_in_a_row = 0
        self.at_best = False
        self.batch += batches
        self.samples += samples
        for part, value in losses.items():
            self.sums[part] = self.sums.get(part, 0.0) + value * samples

    def skip(self, batches: int) -> None:
        """One step that was not applied; the schedule goes on."""
        self.step += 1
        self.batch += batches
        self.skipped += 1
        self.skipped_in_a_row += 1

    def note(self, text: str) -> None:
        """Keeps what the user was told."""
        if len(self.notes) < MOST:
            self.notes.append({"epoch": self.epoch + 1, "step": self.step, "text": text})

    @property
    def position(self) -> tuple[int, int, int]:
        """How far the run is: an epoch that is not closed yet differs from the same step after it."""
        return self.epoch, self.batch, self.step

    @property
    def mean_loss(self) -> float:
        """Over the epoch so far."""
        return sum(self.sums.values()) / max(1, self.samples)

    def means(self) -> dict[str, float]:
        """What is recorded of the epoch's training: see `Outcome.history`."""
        parts = {f"train/{part}": value / max(1, self.samples) for part, value in self.sums.items()}
        rate = self.samples / self.seconds if self.seconds > 0 else 0.0
        own = {"train/loss": self.mean_loss, **(parts if len(parts) > 1 else {})}
        return {**own, "train/seconds": self.seconds, "train/images_per_second": rate}

    def found_best(self, metric: float) -> None:
        """At the end of the epoch that is under way."""
        self.best_metric, self.best_epoch, self.at_best = metric, self.epoch + 1, True

    def finish_epoch(self, values: dict[str, float]) -> None:
        """Enters `values` into the history and begins the next epoch."""
        self.history.append(values)
        self.epoch += 1
        self.batch = self.samples = self.skipped = 0
        self.sums, self.seconds = {}, 0.0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> "State":
        return State(**values)

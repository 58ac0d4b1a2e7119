"""Where in a run something is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Position:
    """Where a window of batches begins: counted from 0, `batch` within the epoch, `step` over the run."""

    epoch: int
    batch: int
    step: int

    def __str__(self) -> str:
        return f"step {self.step + 1} (epoch {self.epoch + 1})"

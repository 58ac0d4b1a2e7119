"""Observer: who watches a run. The loop tells; bars, journals and tests listen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

Stopped = Literal["finished", "early", "late", "interrupted"]
"""early: for want of patience. late: for want of time; it could go on. interrupted: by the user."""


@dataclass(frozen=True, slots=True)
class BeginInfo:
    """Where a run begins or goes on: `epoch` and `step` are those already done."""

    epochs: int
    steps_per_epoch: int
    epoch: int
    step: int


@dataclass(frozen=True, slots=True)
class StepInfo:
    """One optimizer step. `step` counts from 1 over the run, `epoch` from 1; `mean_loss` is over the epoch so far.

    momentum: where the schedule moves it. norms: of a step that was measured, see `StageNorms.values`.
    """

    step: int
    epoch: int
    samples: int
    loss: float
    mean_loss: float
    rate: float
    momentum: float | None = None
    norms: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EpochInfo:
    """One finished epoch: `values` as in `Outcome.history`; `best`: its weights are the best so far."""

    epoch: int
    step: int
    values: Mapping[str, float]
    primary: str
    best: bool


class Observer(Protocol):
    """Called from the loop's thread; what it does costs training time. Subclass `Silent` to hear only some."""

    def on_begin(self, info: BeginInfo) -> None: ...
    def on_note(self, text: str) -> None:
        """Something the user should know: a damaged checkpoint, tiny batches, another version."""
        ...

    def on_step(self, info: StepInfo) -> None: ...
    def on_epoch(self, info: EpochInfo) -> None: ...
    def on_end(self, stopped: Stopped | None) -> None:
        """`stopped` is None when the run ends with an error. Called exactly once after `on_begin`."""
        ...


class Silent:
    """An observer that does nothing."""

    def on_begin(self, info: BeginInfo) -> None:
        """Nothing."""

    def on_note(self, text: str) -> None:
        """Nothing."""

    def on_step(self, info: StepInfo) -> None:
        """Nothing."""

    def on_epoch(self, info: EpochInfo) -> None:
        """Nothing."""

    def on_end(self, stopped: Stopped | None) -> None:
        """Nothing."""

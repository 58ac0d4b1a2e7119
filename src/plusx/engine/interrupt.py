"""Stopping from outside. Ctrl-C or a scheduler's signal: finish the step and save. Ctrl-C twice: stop."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Final, Self

from plusx.core.batch import Batch, Batches

_USR1: Final = getattr(signal, "SIGUSR1", None)  # Windows has none
TERMINATING: Final = (signal.SIGTERM, *(() if _USR1 is None else (_USR1,)))
"""Schedulers send them: SIGTERM before they kill, SIGUSR1 a while before the time is up (SLURM's --signal=USR1@60)."""

SIGNALS: Final = (signal.SIGINT, *TERMINATING)


class Terminated(KeyboardInterrupt):
    """One of TERMINATING came while there was nothing to finish first; the text is its name."""


class AbandonedError(Exception):
    """An evaluation was left because the run is to stop."""


class Interrupt:
    """While entered, the first signal sets `requested`; Ctrl-C once more raises KeyboardInterrupt.

    The other signals may come as often as they like: `timeout` sends SIGTERM twice, a scheduler SIGUSR1 and then
    SIGTERM, and the save that the first one asked for must not be lost to the second.
    Outside the main thread Python allows no signal handlers: entering does nothing there, `request` still works.
    """

    def __init__(self) -> None:
        self.requested = False
        self.by: signal.Signals | None = None  # the first signal
        self._before: dict[signal.Signals, Any] = {}

    def request(self) -> None:
        """Asks the loop to stop after its step, as the first signal does."""
        self.requested = True

    @property
    def terminated(self) -> bool:
        """Whether it was a scheduler's signal."""
        return self.by in TERMINATING

    def __str__(self) -> str:
        return "Ctrl-C" if self.by is None or not self.terminated else self.by.name

    def watching(self, batches: Batches) -> Batches:
        """The same batches for an evaluation, which `AbandonedError` ends when the run is to stop.

        Not for one process of several, whose counts the others wait for.
        """
        return _Watched(batches, self)

    def __enter__(self) -> Self:
        self._before = _handled_by(self._handle, SIGNALS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _put_back(self._before)
        self._before = {}

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.requested and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.by = self.by or signal.Signals(number)
        self.requested = True


@contextmanager
def terminating() -> Iterator[None]:
    """Inside, a scheduler's signal raises `Terminated`, as Ctrl-C raises KeyboardInterrupt; `Interrupt` goes before."""
    before = _handled_by(_terminate, TERMINATING)
    try:
        yield
    finally:
        _put_back(before)


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated(signal.Signals(number).name)


def _handled_by(handler: Any, numbers: tuple[signal.Signals, ...]) -> dict[signal.Signals, Any]:
    if threading.current_thread() is not threading.main_thread():
        return {}
    return {number: signal.signal(number, handler) for number in numbers}


def _put_back(before: dict[signal.Signals, Any]) -> None:
    for number, handler in before.items():
        signal.signal(number, handler)


class _Watched:
    def __init__(self, batches: Batches, interrupt: Interrupt) -> None:
        self._batches, self._interrupt = batches, interrupt

    def __len__(self) -> int:
        return len(self._batches)

    def epoch(self, number: int, start: int = 0) -> Iterator[Batch]:
        for batch in self._batches.epoch(number, start):
            if self._interrupt.requested:
                raise AbandonedError
            yield batch

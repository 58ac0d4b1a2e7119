"""Pace: whether a run has time for another step, and for another epoch."""

import time
from collections.abc import Callable
from typing import Final, Protocol

ASKED: Final = 5.0
WORK: Final = 1_000_000
"""Turns of the loop that `slowness` times: about 50 ms of an idle core."""


class Pace(Protocol):
    """Asked by the loop. A run that is told no keeps its best weights and ends as "late"."""

    def another_epoch(self) -> bool:
        """Before each epoch, the first one too."""
        ...

    def another_step(self) -> bool:
        """After each step."""
        ...


class Unhurried:
    """The pace of a run without a limit."""

    def another_epoch(self) -> bool:
        return True

    def another_step(self) -> bool:
        return True


class Deadline:
    """All has to be over when `clock` shows `ends` (seconds); `reserve` says how long what follows training will take.

    An epoch is begun where the one before it, if it took as long again, would leave the reserve. The first one always
    is; it may be cut off between two steps, as any other whose machine has become slower meanwhile: the reserve is
    asked for again every `ASKED` seconds.
    """

    def __init__(self, ends: float, reserve: Callable[[], float], clock: Callable[[], float] = time.monotonic) -> None:
        self._ends, self._reserve, self._clock = ends, reserve, clock
        self._began: float | None = None
        self._reserved, self._asked = 0.0, 0.0

    def another_epoch(self) -> bool:
        now, began = self._clock(), self._began
        self._began, self._asked, self._reserved = now, now, self._reserve()
        return began is None or now + (now - began) + self._reserved <= self._ends

    def another_step(self) -> bool:
        now = self._clock()
        if now - self._asked > ASKED:
            self._asked, self._reserved = now, self._reserve()
        return now + self._reserved <= self._ends


def slowness() -> float:
    """Seconds that a fixed piece of work takes now: longer on a slow machine, and on one that others keep busy."""
    began, total = time.perf_counter(), 0
    for number in range(WORK):
        total += number * number % 7
    assert total > 0
    return time.perf_counter() - began

"""Since when a run is under way, and how long it may be. Needs no torch."""

import time
from contextvars import ContextVar
from dataclasses import dataclass

CALLED: ContextVar[float | None] = ContextVar("CALLED", default=None)
"""When the shell called, on `time.monotonic`: before torch was loaded, which takes seconds."""


@dataclass(frozen=True)
class Clock:
    """When the run began, on `time.monotonic`, and how many seconds it may take."""

    began: float
    limit: float

    @property
    def left(self) -> float:
        return self.began + self.limit - time.monotonic()


def started() -> float:
    """When the shell or else the caller in Python began to wait."""
    called = CALLED.get()
    return time.monotonic() if called is None else called

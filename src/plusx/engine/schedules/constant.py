"""The full rate after a linear warm-up."""

from dataclasses import dataclass
from typing import final

from plusx.engine.schedules.schedule import Schedule, Span


@final
@dataclass(frozen=True)
class Constant(Schedule):
    """1 after the warm-up."""

    def curve(self, step: int, span: Span) -> float:
        return 1.0

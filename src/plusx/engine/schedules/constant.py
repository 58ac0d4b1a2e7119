"""The full rate after a linear warm-up."""

from dataclasses import dataclass

from plusx.engine.schedules.schedule import check_fraction, warmed


@dataclass(frozen=True)
class Constant:
    """`warmup`: fraction of the steps, 0..1, that rises linearly first."""

    warmup: float = 0.0

    def __post_init__(self) -> None:
        check_fraction("Constant.warmup", self.warmup)

    def factor(self, step: int, steps: int) -> float:
        return warmed(self.warmup, step, steps)

"""Half a cosine from the full rate to `final` (Loshchilov and Hutter 2017, SGDR, equation 5, without restarts)."""

import math
from dataclasses import dataclass

from plusx.engine.schedules.schedule import check_fraction, warm_steps, warmed


@dataclass(frozen=True)
class Cosine:
    """`warmup`: fraction of the steps, 0..0.5, that rises linearly first. `final`: factor, 0..1, at the end."""

    warmup: float = 0.05
    final: float = 0.0

    def __post_init__(self) -> None:
        check_fraction("Cosine.warmup", self.warmup, 0.5)
        check_fraction("Cosine.final", self.final)

    def factor(self, step: int, steps: int) -> float:
        warm = warm_steps(self.warmup, steps)
        if step < warm:
            return warmed(self.warmup, step, steps)
        passed = min(1.0, (step - warm) / max(1, steps - warm))
        return self.final + (1 - self.final) * (1 + math.cos(math.pi * passed)) / 2

"""√(τ / (τ + t)), t steps after the warm-up; with τ the W steps of the warm-up that is √(W / step).

Vaswani et al. 2017, section 5.3, equation 3; with a timescale τ of its own: Zhai et al. 2022 (Scaling Vision
Transformers), section 3.5, who end it with a cool-down.
"""

import math
from dataclasses import dataclass
from typing import final

from plusx.core.errors import InputError
from plusx.engine.schedules.schedule import Schedule, Span, check_above


@final
@dataclass(frozen=True)
class InverseSqrt(Schedule):
    """`timescale`: τ in epochs; None: as long as the warm-up, the share `warmup` of the steps or `warmup_epochs`."""

    warmup: float = 0.05
    timescale: float | None = None

    def __post_init__(self) -> None:
        Schedule.__post_init__(self)
        if self.timescale is not None:
            check_above("InverseSqrt.timescale", self.timescale)
        elif not (self.warmup if self.warmup_epochs is None else self.warmup_epochs):
            raise InputError("InverseSqrt without a warm-up needs a timescale, in epochs: give either.")
        if self.overlaps:
            raise InputError("InverseSqrt begins after its warm-up: leave overlaps away.")

    def curve(self, step: int, span: Span) -> float:
        scale = max(1, span.warm) if self.timescale is None else self.timescale * span.epoch
        return math.sqrt(scale / (scale + step))

"""Half a cosine from the full rate to `final`, once or with restarts (Loshchilov and Hutter 2017, SGDR, equation 5).

η_t = η_min + ½ (η_max − η_min) (1 + cos(π T_cur / T_i)),   T_i = T_0 · T_mult^i
"""

from dataclasses import dataclass
from typing import final

from plusx.core.errors import InputError
from plusx.engine.schedules.schedule import ROUNDING, Schedule, Span, check_above, check_fraction, halfway_down


@final
@dataclass(frozen=True)
class Cosine(Schedule):
    """`warmup`: as of every schedule, but 0.05 and at most 0.5. `final`: factor, 0..1, at the end of each cycle.

    cycles: how often it falls; they fill the steps. growth: how many times as long as the one before each cycle is, the
    paper's T_mult. decay: what each cycle's first factor is multiplied with (timm's `cycle_decay`).
    """

    warmup: float = 0.05
    final: float = 0.0
    cycles: int = 1
    growth: float = 1.0
    decay: float = 1.0

    def __post_init__(self) -> None:
        check_fraction("Cosine.warmup", self.warmup, 0.5)
        Schedule.__post_init__(self)
        check_fraction("Cosine.final", self.final)
        check_above("Cosine.growth", self.growth)
        check_fraction("Cosine.decay", self.decay)
        if self.cycles < 1:
            raise InputError(f"Cosine.cycles is {self.cycles}; it has to be at least 1")

    def curve(self, step: int, span: Span) -> float:
        lengths = [self.growth**cycle for cycle in range(self.cycles)]
        unit = span.steps / sum(lengths)
        begins = 0.0
        for cycle, length in enumerate(lengths):
            passed = (step - begins) / (unit * length) if unit else 0.0
            if passed < 1 - ROUNDING:
                return halfway_down(max(0.0, passed), self.decay**cycle, self.final)
            begins += unit * length
        return self.final

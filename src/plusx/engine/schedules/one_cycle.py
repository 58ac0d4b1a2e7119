"""Up and down again within one run, the momentum the other way (Smith 2018, arXiv 1803.09820, section 4).

As torch's `OneCycleLR` has it, whose defaults these are. fastai's `fit_one_cycle` has rise 0.25 and final 1e-5 instead.
"""

from dataclasses import dataclass
from typing import Literal, final

from plusx.core.errors import InputError
from plusx.engine.schedules.schedule import Schedule, Span, check_fraction, halfway_down


@final
@dataclass(frozen=True)
class OneCycle(Schedule):
    """From `start` to 1 over the share `rise` of the steps, then down to `final`; all three are fractions, 0..1.

    momentums: the highest, where the rate is low, and the lowest, at the peak; None: the optimizer's own all the time.
    shape: of both ways. It is reached at the first step, the last step before rise·steps, and the last step.
    """

    rise: float = 0.3
    start: float = 1 / 25
    final: float = 1 / 25 / 1e4
    momentums: tuple[float, float] | None = (0.95, 0.85)
    shape: Literal["cosine", "linear"] = "cosine"

    def __post_init__(self) -> None:
        Schedule.__post_init__(self)
        for field in ("rise", "start", "final"):
            check_fraction(f"OneCycle.{field}", getattr(self, field))
        for momentum in self.momentums or ():
            check_fraction("OneCycle.momentums", momentum)
        if self.shape not in ("cosine", "linear"):
            raise InputError(f"OneCycle.shape is {self.shape!r}; expected cosine or linear")
        if self.warmup or self.warmup_epochs:
            raise InputError("OneCycle rises by itself and takes no warm-up: say how long with OneCycle.rise.")

    def curve(self, step: int, span: Span) -> float:
        passed, down = self._passed(step, span)
        return self._between(1.0, self.final, passed) if down else self._between(self.start, 1.0, passed)

    def momentum_curve(self, step: int, span: Span) -> float | None:
        if self.momentums is None:
            return None
        high, low = self.momentums
        passed, down = self._passed(step, span)
        return self._between(low, high, passed) if down else self._between(high, low, passed)

    def _passed(self, step: int, span: Span) -> tuple[float, bool]:
        """How much of the way up, or with True of the way down, is done."""
        top, last = self.rise * span.steps - 1, span.steps - 1
        if step <= top:
            return (step / top if top > 0 else 1.0), False
        begins = max(0.0, top)
        return min(1.0, (step - begins) / (last - begins) if last > begins else 0.0), True

    def _between(self, begin: float, end: float, passed: float) -> float:
        if self.shape == "cosine":
            return halfway_down(passed, begin, end)
        return begin + (end - begin) * passed

"""Divided at fixed points (He et al. 2015, section 4.2: by 10 after 32k and 48k of 64k iterations)."""

from dataclasses import dataclass, field
from typing import final

from plusx.core.errors import InputError
from plusx.engine.schedules.schedule import ROUNDING, Schedule, Span, check_fraction


@final
@dataclass(frozen=True)
class MultiStep(Schedule):
    """The rate is multiplied by `factor_each` when each of `milestones` (fractions of the steps, rising) has passed.

    overlaps: whether the milestones count from the first step of the warm-up.
    """

    milestones: tuple[float, ...] = (0.5, 0.75)
    factor_each: float = 0.1
    overlaps: bool = field(default=True, kw_only=True)

    def __post_init__(self) -> None:
        Schedule.__post_init__(self)
        check_fraction("MultiStep.factor_each", self.factor_each)
        for milestone in self.milestones:
            check_fraction("MultiStep.milestones", milestone)
        if list(self.milestones) != sorted(self.milestones):
            raise InputError(f"MultiStep.milestones {self.milestones} have to rise")

    def curve(self, step: int, span: Span) -> float:
        return self.factor_each ** sum(step >= milestone * span.steps - ROUNDING for milestone in self.milestones)

"""Divided at fixed points (He et al. 2015, section 4.2: by 10 after 32k and 48k of 64k iterations)."""

from dataclasses import dataclass

from plusx.core.errors import InputError
from plusx.engine.schedules.schedule import check_fraction, warm_steps, warmed


@dataclass(frozen=True)
class MultiStep:
    """The rate is multiplied by `factor_each` when each of `milestones` (fractions of the steps, rising) has passed.

    `warmup`: fraction of the steps, 0..1, that rises linearly first.
    """

    milestones: tuple[float, ...] = (0.5, 0.75)
    factor_each: float = 0.1
    warmup: float = 0.0

    def __post_init__(self) -> None:
        check_fraction("MultiStep.warmup", self.warmup)
        check_fraction("MultiStep.factor_each", self.factor_each)
        for milestone in self.milestones:
            check_fraction("MultiStep.milestones", milestone)
        if list(self.milestones) != sorted(self.milestones):
            raise InputError(f"MultiStep.milestones {self.milestones} have to rise")

    def factor(self, step: int, steps: int) -> float:
        if step < warm_steps(self.warmup, steps):
            return warmed(self.warmup, step, steps)
        return self.factor_each ** sum(step >= milestone * steps for milestone in self.milestones)

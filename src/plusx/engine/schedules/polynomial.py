"""(1 − t/T)^p, down to `final`: linear with p = 1; p = 0.9 is DeepLab's (Chen et al. 2018, section 4, "poly").

torch's `PolynomialLR`, timm's `PolyLRScheduler`.
"""

from dataclasses import dataclass
from typing import final

from plusx.engine.schedules.schedule import Schedule, Span, check_above, check_fraction


@final
@dataclass(frozen=True)
class Polynomial(Schedule):
    """`power`: p, above 0. `final`: factor, 0..1, at the end."""

    power: float = 0.9
    final: float = 0.0

    def __post_init__(self) -> None:
        Schedule.__post_init__(self)
        check_above("Polynomial.power", self.power)
        check_fraction("Polynomial.final", self.final)

    def curve(self, step: int, span: Span) -> float:
        left = 1 - step / span.steps if span.steps else 1.0
        return self.final + (1 - self.final) * left**self.power

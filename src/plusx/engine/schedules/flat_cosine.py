"""The full rate first, then half a cosine down: fastai's `fit_flat_cos` (`pct_start` 0.75, `div_final` 1e5)."""

from dataclasses import dataclass
from typing import final

from plusx.engine.schedules.schedule import Schedule, Span, check_fraction, halfway_down


@final
@dataclass(frozen=True)
class FlatCosine(Schedule):
    """`flat`: share of the steps, 0..1, at the full rate. `final`: factor, 0..1, at the end."""

    flat: float = 0.75
    final: float = 1e-5

    def __post_init__(self) -> None:
        Schedule.__post_init__(self)
        check_fraction("FlatCosine.flat", self.flat)
        check_fraction("FlatCosine.final", self.final)

    def curve(self, step: int, span: Span) -> float:
        level = self.flat * span.steps
        if step < level or level >= span.steps:
            return 1.0
        return halfway_down((step - level) / (span.steps - level), 1.0, self.final)

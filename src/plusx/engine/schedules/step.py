"""Times γ every n epochs: γ^⌊epoch / n⌋.

γ 0.97 every 2.4 epochs: Tan and Le 2019 (EfficientNet), section 5; 0.98 every epoch: Sandler et al. 2018 (MobileNetV2),
section 6.1. torch's `StepLR`, timm's `StepLRScheduler`.
"""

import math
from dataclasses import dataclass, field
from typing import final

from plusx.engine.schedules.schedule import ROUNDING, Schedule, Span, check_above, check_fraction


@final
@dataclass(frozen=True)
class Step(Schedule):
    """`every`: epochs, also 2.4. `gamma`: 0..1. overlaps: whether the epochs of the warm-up count."""

    every: float = 2.4
    gamma: float = 0.97
    overlaps: bool = field(default=True, kw_only=True)

    def __post_init__(self) -> None:
        Schedule.__post_init__(self)
        check_above("Step.every", self.every)
        check_fraction("Step.gamma", self.gamma)

    def curve(self, step: int, span: Span) -> float:
        return self.gamma ** math.floor(step / (self.every * span.epoch) + ROUNDING)

"""Schedule: what the learning rate is multiplied with, step by step; warm-up before it, cool-down after it."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal, final

from plusx.core.errors import InputError


@dataclass(frozen=True)
class Span:
    """What a curve runs over: its `steps`. `epoch`: the steps of one; `warm`: those of the warm-up."""

    steps: int
    epoch: int
    warm: int


@dataclass(frozen=True, kw_only=True)
class Schedule(ABC):
    """A frozen configuration that knows its curve.

    warmup: share of the steps, 0..1, that rises linearly first; `warmup_epochs` instead: so many epochs, also 2.5.
    warmup_from: factor of the first step; after s of W steps it is warmup_from + (1 − warmup_from)·s/W, as torch's
    `LinearLR` and timm's `warmup_lr` rise. None: 1/W, 2/W, ... 1 (Goyal et al. 2017, section 2.2).
    overlaps: whether the curve runs on underneath the warm-up (timm's default), or begins after it (torchvision).
    cooldown, cooldown_epochs: share of the steps, or epochs, at the end that stay at the curve's last value.
    per: when the factor changes. "epoch": at the beginning of each epoch alone, where the curve is taken at the epoch's
    number of all epochs, as timm and torchvision do.
    """

    warmup: float = 0.0
    warmup_epochs: float | None = None
    warmup_from: float | None = None
    overlaps: bool = False
    cooldown: float = 0.0
    cooldown_epochs: float | None = None
    per: Literal["step", "epoch"] = "step"

    def __post_init__(self) -> None:
        name = type(self).__name__
        for field in ("warmup", "warmup_from", "cooldown"):
            check_fraction(f"{name}.{field}", getattr(self, field) or 0.0)
        for field in ("warmup_epochs", "cooldown_epochs"):
            if (value := getattr(self, field)) is not None and not value >= 0:
                raise InputError(f"{name}.{field} is {value}; it has to be at least 0")
        if self.warmup + self.cooldown > 1:
            raise InputError(f"{name}.warmup and .cooldown are {self.warmup + self.cooldown:g} of the steps together")
        if self.per not in ("step", "epoch"):
            raise InputError(f"{name}.per is {self.per!r}; expected step or epoch")

    @abstractmethod
    def curve(self, step: int, span: Span) -> float:
        """The factor at `step`, 0..span.steps; at span.steps the last value, which stays."""

    def momentum_curve(self, step: int, span: Span) -> float | None:
        """The momentum at `step` of the curve, where the schedule moves it; None: the optimizer's own."""
        return None

    @final
    def factor(self, step: int, steps: int, epoch: int = 1) -> float:
        """The rate's factor, 0..1, for `step` (from 0) of a phase of `steps`, `epoch` of which are an epoch; beyond the
        end its last value."""
        at = self._place(step, steps, epoch)
        if at.step < at.span.warm:
            return self._risen(at.step, at.span.warm)
        return self.curve(at.on_curve, at.span)

    @final
    def momentum(self, step: int, steps: int, epoch: int = 1) -> float | None:
        """The optimizer's momentum (of Adam and its kin β1) at `step`; None where the schedule has no say in it."""
        at = self._place(step, steps, epoch)
        return self.momentum_curve(at.on_curve, at.span)

    def check_fits(self, epochs: int) -> None:
        """InputError where warm-up and cool-down take longer than the `epochs` of this schedule."""
        warm = self.warmup * epochs if self.warmup_epochs is None else self.warmup_epochs
        cool = self.cooldown * epochs if self.cooldown_epochs is None else self.cooldown_epochs
        own = {"warm-up": warm, "cool-down": cool}
        if sum(own.values()) > epochs:
            asked = " and ".join(f"{value:g} epochs of {what}" for what, value in own.items() if value)
            raise InputError(
                f"The schedule {type(self).__name__} has {asked}, but only {epochs} epochs to run in (those with a "
                "frozen backbone do not count). Train longer with --epochs, or shorten the warm-up with "
                "--warmup-epochs."
            )

    def _place(self, step: int, steps: int, epoch: int) -> "_Place":
        if self.per == "epoch":
            step, steps, epoch = step // epoch, math.ceil(steps / epoch), 1
        warm = _length(self.warmup, self.warmup_epochs, steps, epoch)
        cool = _length(self.cooldown, self.cooldown_epochs, steps, epoch)
        begins = 0 if self.overlaps else warm
        span = Span(max(0, steps - cool - begins), epoch, warm)
        return _Place(step, max(0, min(step - begins, span.steps)), span)

    def _risen(self, step: int, warm: int) -> float:
        if self.warmup_from is None:
            return min(1.0, (step + 1) / warm)
        return self.warmup_from + (1 - self.warmup_from) * step / warm


@dataclass(frozen=True)
class _Place:
    """A step, and where on the curve it is."""

    step: int
    on_curve: int
    span: Span


def _length(share: float, epochs: float | None, steps: int, epoch: int) -> int:
    """Steps, of a share of all or of epochs."""
    return round(share * steps if epochs is None else epochs * epoch)


def check_fraction(field: str, value: float, below: float = 1.0) -> None:
    """Raises InputError unless 0 ≤ value ≤ `below`."""
    if not 0 <= value <= below:
        raise InputError(f"{field} is {value}; it is a fraction and has to lie between 0 and {below:g}")


def check_above(field: str, value: float) -> None:
    """Raises InputError unless value > 0."""
    if not value > 0:
        raise InputError(f"{field} is {value}; it has to be above 0")


def halfway_down(passed: float, high: float, low: float) -> float:
    """Half a cosine from `high` at 0 to `low` at 1."""
    return low + (high - low) * (1 + math.cos(math.pi * passed)) / 2


ROUNDING = 1e-9
"""In units of a period: a boundary that was computed from fractions may lie so far beside the whole step it means."""

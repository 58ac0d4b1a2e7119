"""Axes: from values to pixels, and the round numbers that stand beside them. Needs no torch."""

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """Maps low..high to first..last pixel, linearly or by the logarithm."""

    low: float
    high: float
    first: float
    last: float
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        """The pixel; values outside are clamped to the ends."""
        low, high, value = (self._position(v) for v in (self.low, self.high, value))
        share = min(max((value - low) / (high - low), 0.0), 1.0)
        return self.first + share * (self.last - self.first)

    def _position(self, value: float) -> float:
        return math.log10(max(value, 1e-300)) if self.logarithmic else value

    def ticks(self, count: int = 5) -> list[tuple[float, str]]:
        """Round values within the scale, about `count` of them, with their text."""
        if self.logarithmic:
            return [(value, number(value)) for value in _powers(self.low, self.high)]
        step = round_step((self.high - self.low) / count)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        decimals = max(0, -math.floor(math.log10(step) + 1e-9) + (step_digits(step) - 1))
        return [(k * step, tick_text(k * step, decimals)) for k in range(first, last + 1)]


def linear(values: Iterable[float], first: float, last: float, *, at_least: tuple[float, ...] = ()) -> Scale:
    """From a little below the smallest to a little above the largest value, in whole steps; `at_least` is included."""
    known = [*values, *at_least]
    low, high = min(known, default=0.0), max(known, default=1.0)
    if low == high:
        margin = abs(low) / 2 or 1.0
        low, high = low - margin, high + margin
    step = round_step((high - low) / 5)
    return Scale(math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step, first, last)


def logarithmic(values: Iterable[float], first: float, last: float) -> Scale:
    """For positive values over several powers of ten."""
    known = [value for value in values if value > 0]
    low, high = min(known, default=0.1), max(known, default=1.0)
    if low == high:
        low, high = low / 2, high * 2
    return Scale(low / 1.1, high * 1.1, first, last, logarithmic=True)


def round_step(rough: float) -> float:
    """The smallest of 1, 2, 2.5, 5, 10 times a power of ten that is not below `rough`."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(m * power for m in (1.0, 2.0, 2.5, 5.0, 10.0) if m * power >= rough * (1 - 1e-9))


def step_digits(step: float) -> int:
    """Significant digits of a step: 2 for 2.5 and 25, 1 for the others."""
    return 2 if f"{step:.2e}".startswith("2.5") else 1


def tick_text(value: float, decimals: int) -> str:
    """Fixed decimals, powers of ten for what would be long."""
    if decimals > 4 or abs(value) >= 1e6:
        return number(value)
    return f"{value:.{decimals}f}" if value else "0"


def number(value: float) -> str:
    """Four significant digits, without superfluous zeros."""
    if not math.isfinite(value):
        return str(value)
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    return f"{value:.4g}".replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")


def percent(share: float) -> str:
    """0..1 as a percentage with one decimal, without rounding up to a full 100 what is not."""
    text = f"{100 * share:.1f}"
    if text == "100.0" and share < 1.0:
        return "99.9 %"
    return "100 %" if text == "100.0" else f"{text} %"


def _powers(low: float, high: float) -> list[float]:
    """1, 2, 5 times powers of ten; only the powers where those would be many."""
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors = (1,) if len(exponents) > 4 else (1, 2, 5)
    return [factor * 10.0**e for e in exponents for factor in factors if low <= factor * 10.0**e <= high]

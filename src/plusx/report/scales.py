"""Axes: from values to pixels, and the round numbers that stand beside them. Needs no torch."""

import math
from collections.abc import Iterable, Sequence
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
        values = [k * step for k in range(first, last + 1)]
        unit, suffix = _unit(max(map(abs, values), default=0.0))
        decimals = max(0, _digits(step) - 1 - math.floor(math.log10(step / unit) + 1e-9))
        return [(value, _fixed(value / unit, decimals) + (suffix if value else "")) for value in values]


def linear(values: Iterable[float], first: float, last: float, *, at_least: tuple[float, ...] = ()) -> Scale:
    """From a little below the smallest to a little above the largest value, in whole steps; `at_least` is included."""
    known = [*values, *at_least]
    low, high = min(known, default=0.0), max(known, default=1.0)
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        margin = abs(low) / 2 or 1.0
        low, high = low - margin, high + margin
    step = round_step((high - low) / 5)
    return Scale(math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step, first, last)


def base_of(values: Sequence[float]) -> float:
    """A round number below the values to count from, where their spread is under a thousandth of their size; else 0."""
    low, high = min(values, default=0.0), max(values, default=0.0)
    size = max(abs(low), abs(high))
    if not 1e-12 * size < high - low < 1e-3 * size:
        return 0.0
    step = 10.0 ** math.ceil(math.log10(high - low))
    return round(math.floor(low / step) * step, 15)


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


def _digits(step: float) -> int:
    """Significant digits of a step: 2 for 2.5 and 25, 1 for the others."""
    return 2 if f"{step:.2e}".startswith("2.5") else 1


def _unit(largest: float) -> tuple[float, str]:
    """In which unit values up to `largest` are written: 20k, 3M."""
    return (1e6, "M") if 1e6 <= largest < 1e9 else (1e3, "k") if 1e4 <= largest < 1e6 else (1.0, "")


def _fixed(value: float, decimals: int) -> str:
    """Fixed decimals; four significant digits for what would be long, and 1.6e-4 for what has many zeros."""
    if decimals > 4 and 0 < abs(value) < 1e-3:
        mantissa, _, exponent = f"{value:.3e}".partition("e")
        return f"{float(mantissa):g}e{int(exponent)}"
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
    """0..1 as a percentage with one decimal and a space that does not break; only 1 itself is a full 100."""
    text = "100" if share == 1.0 else "99.9" if 0.9995 <= share < 1.0 else f"{100 * share:.1f}"
    return f"{text}\N{NO-BREAK SPACE}%"


def _powers(low: float, high: float) -> list[float]:
    """1, 2, 5 times powers of ten; only the powers where those would be many."""
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors = (1,) if len(exponents) > 4 else (1, 2, 5)
    return [factor * 10.0**e for e in exponents for factor in factors if low <= factor * 10.0**e <= high]

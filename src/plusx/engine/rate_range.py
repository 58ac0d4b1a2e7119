"""The learning-rate range test (Smith 2017, arXiv 1506.01186, section 3.3): raise the rate at every step, see the loss.

Where the loss falls, the rate is neither too low to learn nor too high. Two readings of the curve, as fastai names
them: "valley", in the middle of its longest fall, and "steep", where it falls fastest.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from plusx.core.errors import InputError, NonFiniteLossError

LOWEST, HIGHEST = 1e-7, 10.0
STEPS = 100
SMOOTH = 0.98  # of the running mean of the losses
DIVERGED = 4.0  # times the least loss so far: the test ends; see `bound`
LAST = 5  # steps before the end that no suggestion is taken from


@dataclass(frozen=True)
class Sweep:
    """`losses`: smoothed, one at each of the rising `rates`. valley, steep: the suggestions."""

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    valley: float
    steep: float


def sweep(step: Callable[[float], float], told: Callable[[int, int], None], steps: int = STEPS) -> Sweep:
    """Calls `step` with each rate; it trains one step and gives the loss before it. told: of (done, all) steps.

    It ends early where the loss is no number, or `DIVERGED`. InputError where it never fell.
    """
    rates: list[float] = []
    losses: list[float] = []
    mean = 0.0
    for number in range(steps):
        rate = LOWEST * (HIGHEST / LOWEST) ** (number / (steps - 1))
        try:
            loss = step(rate)
        except NonFiniteLossError:
            break
        mean = SMOOTH * mean + (1 - SMOOTH) * loss
        rates.append(rate)
        losses.append(mean / (1 - SMOOTH ** (number + 1)))
        told(number + 1, steps)
        if losses[-1] > bound(losses):
            break
    return suggested(rates, losses, steps // 10)


def bound(losses: Sequence[float]) -> float:
    """Beyond which the test ends: `DIVERGED` times the least loss, or where that is not above 0, the first one."""
    least = min(losses)
    return DIVERGED * least if least > 0 else max(losses[0], 0.0)


def suggested(rates: Sequence[float], losses: Sequence[float], first: int) -> Sweep:
    """Of the curve without its `first` steps, in which the mean settles, and without the last ones."""
    inner = slice(first, len(losses) - LAST)
    known, falling = rates[inner], losses[inner]
    if len(falling) < 3 or min(falling[1:]) >= falling[0]:
        raise InputError(
            f"No rate can be suggested: the loss did not fall between {LOWEST:g} and {max(rates, default=LOWEST):.2g}. "
            "Look at the images and labels with plusx check, or give a rate with --rate."
        )
    return Sweep(tuple(rates), tuple(losses), known[valley(falling)], known[steepest(known, falling)])


def valley(losses: Sequence[float]) -> int:
    """The index in the middle of the longest falling subsequence's span, as fastai reads it: at the half of its
    second third."""
    begin, end = longest_fall(losses)
    third = (end - begin) / 3
    return begin + int(third) + int(third / 2)


def longest_fall(losses: Sequence[float]) -> tuple[int, int]:
    """First and last index of the longest strictly falling subsequence (patience sorting)."""
    tops: list[float] = []  # the last, negated, of the best subsequence of each length
    ends: list[int] = []
    before: list[int] = []
    for index, loss in enumerate(losses):
        place = bisect_left(tops, -loss)
        before.append(ends[place - 1] if place else -1)
        tops[place : place + 1], ends[place : place + 1] = [-loss], [index]
    first = last = ends[-1]
    while before[first] >= 0:
        first = before[first]
    return first, last


def steepest(rates: Sequence[float], losses: Sequence[float]) -> int:
    """Where the loss falls most for a rate that is so many times as high."""
    slopes = [
        (losses[index + 1] - losses[index]) / math.log(rates[index + 1] / rates[index])
        for index in range(len(losses) - 1)
    ]
    return min(range(len(slopes)), key=slopes.__getitem__)

"""Whether two groups of runs differ by more than their seeds do. Needs no torch.

Welch (1947): t = (m₂ − m₁) / √(s₁²/n₁ + s₂²/n₂), with the degrees of freedom of Welch and Satterthwaite.
Paired: Student's t of the differences, seed by seed.
"""

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

LEVEL = 0.05
ROUNDING = 1e-12  # of the values: differences that vary by less are equal, but for the last bits


@dataclass(frozen=True)
class Difference:
    """What the second of two groups has above the first, and how sure that is. `low`, `high`: 95 % interval.

    pairs: how many seeds both have; of Welch's test 0.
    """

    test: Literal["welch", "paired"]
    mean: float
    t: float
    freedom: float
    p: float
    low: float
    high: float
    pairs: int = 0

    @property
    def significant(self) -> bool:
        return self.p < LEVEL

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "significant": self.significant}


def welch(first: Mapping[int, float], second: Mapping[int, float]) -> Difference | None:
    """Of values by seed. None where a group has fewer than two, or nothing varies."""
    if min(len(first), len(second)) < 2:
        return None
    a, b = (statistics.variance(values.values()) / len(values) for values in (first, second))
    if a + b == 0:
        return None
    freedom = (a + b) ** 2 / (a**2 / (len(first) - 1) + b**2 / (len(second) - 1))
    mean = statistics.fmean(second.values()) - statistics.fmean(first.values())
    return _tested("welch", mean, math.sqrt(a + b), freedom)


def paired(first: Mapping[int, float], second: Mapping[int, float]) -> Difference | None:
    """Over the seeds that both have. None where those are fewer than two, or all differences are equal."""
    differences = [second[seed] - first[seed] for seed in first if seed in second]
    if len(differences) < 2:
        return None
    spread, size = statistics.stdev(differences), max(map(abs, [*first.values(), *second.values()]))
    if spread <= ROUNDING * size:
        return None
    count = len(differences)
    return _tested("paired", statistics.fmean(differences), spread / math.sqrt(count), count - 1.0, count)


def _tested(test: Literal["welch", "paired"], mean: float, error: float, freedom: float, pairs: int = 0) -> Difference:
    from scipy.special import stdtr, stdtrit  # takes a while to import

    t = mean / error
    reach = float(stdtrit(freedom, 1 - LEVEL / 2)) * error
    p = 2 * float(stdtr(freedom, -abs(t)))
    return Difference(test, mean, t, freedom, p, mean - reach, mean + reach, pairs)

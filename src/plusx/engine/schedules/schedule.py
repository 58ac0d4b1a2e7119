"""Schedule: what the learning rate is multiplied with, step by step."""

from typing import Protocol

from plusx.core.errors import InputError


class Schedule(Protocol):
    """A frozen configuration that knows its curve."""

    def factor(self, step: int, steps: int) -> float:
        """The rate's factor, 0..1, for `step` (from 0) of a phase of `steps`; beyond the end its last value."""
        ...


def warmed(warmup: float, step: int, steps: int) -> float:
    """Linear warm-up (Goyal et al. 2017, section 2.2) over the first `warmup` of the steps: 1/W, 2/W, ... 1, then 1."""
    length = warm_steps(warmup, steps)
    return min(1.0, (step + 1) / length) if length else 1.0


def warm_steps(warmup: float, steps: int) -> int:
    """Steps of warm-up in a phase of `steps`."""
    return round(warmup * steps)


def check_fraction(field: str, value: float, below: float = 1.0) -> None:
    """Raises InputError unless 0 ≤ value ≤ `below`."""
    if not 0 <= value <= below:
        raise InputError(f"{field} is {value}; it is a fraction and has to lie between 0 and {below:g}")

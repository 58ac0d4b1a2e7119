"""What every optimizer's configuration offers to the loop."""

from collections.abc import Sequence
from typing import Any, Protocol

from torch.optim import Optimizer

from plusx.core.errors import InputError


class OptimizerConfig(Protocol):
    """A frozen configuration that builds its optimizer. `rate` is the head's, before the schedule's factor."""

    @property
    def rate(self) -> float: ...

    @property
    def weight_decay(self) -> float: ...

    def build(self, groups: Sequence[dict[str, Any]]) -> Optimizer:
        """On the parameter groups of `engine.groups`."""
        ...


def check_positive(field: str, value: float) -> None:
    """Raises InputError unless value > 0."""
    if not value > 0:
        raise InputError(f"{field} is {value}; it has to be above 0")


def check_range(field: str, value: float, low: float, high: float) -> None:
    """Raises InputError unless low ≤ value < high."""
    if not low <= value < high:
        raise InputError(f"{field} is {value}; it has to be at least {low:g} and below {high:g}")

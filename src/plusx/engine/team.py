"""Team: the processes that train together, as one of them sees it. One process alone is a team too, and waits for
nobody."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar, final

from torch import nn

from plusx.core.ranks import ALONE as ONE
from plusx.core.ranks import Ranks
from plusx.core.task import Metrics, Task
from plusx.engine.network import Local, Network
from plusx.engine.placement import Placement

T = TypeVar("T")


class Team(ABC):
    """All members call the same methods in the same order; each but `network` and `own` waits for the others."""

    ranks: Ranks = ONE

    @property
    def first(self) -> bool:
        """Whether this is the member that audits for all, writes the run directory and speaks to the user."""
        return self.ranks.rank == 0

    @abstractmethod
    def network(self, task: Task, placement: Placement) -> Network:
        """What gives losses and whose gradients are those of all members' images."""

    @abstractmethod
    def own(self, placement: Placement) -> Placement:
        """The same on this member's own device."""

    @abstractmethod
    def decided(self, decide: Callable[[], T]) -> T:
        """What `decide` gives on the first member, which alone calls it. Where it raises, all members end."""

    @abstractmethod
    def leave_result(self, values: Mapping[str, Any]) -> None:
        """For the process that started the team, where one of plusx did."""

    @abstractmethod
    def in_turn(self, work: Callable[[], T]) -> T:
        """`work`, done by the first member of each machine before the others there: they find what it left in caches.

        May take hours.
        """

    @abstractmethod
    def same(self, value: object) -> bool:
        """Whether all members have an equal `value`."""

    @abstractmethod
    def summed(self, values: Mapping[str, float]) -> dict[str, float]:
        """The sums of all members' values."""

    @abstractmethod
    def most(self, value: int) -> int:
        """The largest of all members' values."""

    def any(self, flag: bool) -> bool:
        """Whether any member has raised its flag."""
        return self.most(flag) > 0

    @abstractmethod
    def share_buffers(self, module: nn.Module) -> None:
        """The first member's buffers (BatchNorm's statistics) become everybody's."""

    @abstractmethod
    def figures(self, metrics: Metrics) -> dict[str, float]:
        """What all members' counters give together."""


@final
class Alone(Team):
    """One process that does everything."""

    def network(self, task: Task, placement: Placement) -> Network:
        return Local(task, placement)

    def own(self, placement: Placement) -> Placement:
        return placement

    def decided(self, decide: Callable[[], T]) -> T:
        return decide()

    def leave_result(self, values: Mapping[str, Any]) -> None:
        """Nobody did."""

    def in_turn(self, work: Callable[[], T]) -> T:
        return work()

    def same(self, value: object) -> bool:
        return True

    def summed(self, values: Mapping[str, float]) -> dict[str, float]:
        return dict(values)

    def most(self, value: int) -> int:
        return value

    def share_buffers(self, module: nn.Module) -> None:
        """They are."""

    def figures(self, metrics: Metrics) -> dict[str, float]:
        return metrics.compute()


ALONE: Final = Alone()

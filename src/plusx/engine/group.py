"""Several processes that train together, on torch's own process groups: gloo on CPUs, and NCCL beside it on GPUs."""

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final, TypeVar, final

import torch
import torch.distributed as dist
from torch import nn

from plusx.core.errors import InputError, PlusxError, SaidError
from plusx.core.ranks import Ranks
from plusx.core.task import Metrics, Task
from plusx.engine.membership import Membership, end_with_parent, of_environment
from plusx.engine.network import Network, Parallel
from plusx.engine.placement import Placement
from plusx.engine.team import ALONE, Team

T = TypeVar("T")

PATIENCE: Final = timedelta(minutes=30)
"""So long a member waits for the others in the middle of the work. Before and after it, as long as it takes."""


@contextlib.contextmanager
def joined(device: str) -> Iterator[Team]:
    """The team that the environment tells of, as torchrun sets it; one process alone where it tells of none.

    device: as the user names it. An error of one member ends all: it is said once, and the others raise SaidError.
    """
    membership = of_environment()
    if membership is None:
        yield ALONE
        return
    store, _, _ = next(dist.rendezvous("env://", timeout=PATIENCE))
    board = Board(dist.PrefixStore(f"plusx/{membership.attempt}", store), membership)
    end_with_parent()
    if membership.hopeless():
        raise SaidError
    with _quiet(membership), board.told():
        accelerated = device not in ("cpu", "mps") and torch.cuda.is_available()
        if accelerated:
            torch.cuda.set_device(_gpu(membership))
        dist.init_process_group(
            "cpu:gloo,cuda:nccl" if accelerated else "gloo",
            store=dist.PrefixStore(f"group/{membership.attempt}", store),
            rank=membership.ranks.rank,
            world_size=membership.ranks.world,
            timeout=PATIENCE,
        )
        try:
            yield Group(membership, board)
        finally:
            with contextlib.suppress(RuntimeError):  # of members that are gone
                dist.destroy_process_group()


@final
class Group(Team):
    """This process as one of several."""

    def __init__(self, membership: Membership, board: "Board") -> None:
        self.ranks = membership.ranks
        self._membership, self._board = membership, board
        self._calls = 0

    def network(self, task: Task, placement: Placement) -> Network:
        if not placement.sharded:
            return Parallel(task, placement, self.any)
        from plusx.engine.sharding import Sharded  # FSDP takes more than a second to import

        return Sharded(task, placement)

    def own(self, placement: Placement) -> Placement:
        if placement.device.type != "cuda":
            return placement
        return replace(placement, device=torch.device("cuda", _gpu(self._membership)))

    def decided(self, decide: Callable[[], T]) -> T:
        key = self._key("decided")
        answer: list[Any] = [None]
        if self.first:
            answer[0] = decide()
            self._board.pin(key)
        else:
            self._board.wait_for(key)
        dist.broadcast_object_list(answer, src=0)
        return answer[0]

    def leave_result(self, values: Mapping[str, Any]) -> None:
        if self.first:
            self._membership.leave_result(values)

    def in_turn(self, work: Callable[[], T]) -> T:
        key = self._key(f"in turn {self._membership.machine}")
        if self._membership.local > 0:
            self._board.wait_for(key)
        result = work()
        self._board.pin(key)
        self._meet(self._key("meeting"))
        return result

    def same(self, value: object) -> bool:
        every: list[Any] = [None] * self.ranks.world
        dist.all_gather_object(every, value)
        return all(one == value for one in every)

    def summed(self, values: Mapping[str, float]) -> dict[str, float]:
        together = torch.tensor([*values.values()], dtype=torch.float64)
        dist.all_reduce(together)
        return dict(zip(values, together.tolist(), strict=True))

    def most(self, value: int) -> int:
        every = torch.tensor(int(value))
        dist.all_reduce(every, dist.ReduceOp.MAX)
        return int(every)

    @torch.no_grad()
    def share_buffers(self, module: nn.Module) -> None:
        for buffer in module.buffers():
            dist.broadcast(buffer, src=0)

    def figures(self, metrics: Metrics) -> dict[str, float]:
        every: list[Any] = [None] * self.ranks.world
        dist.gather_object(metrics, every if self.first else None)

        def computed() -> dict[str, float]:
            for other in every[1:]:
                metrics.merge(other)
            return metrics.compute()

        return self.decided(computed)

    def _key(self, name: str) -> str:
        self._calls += 1
        return f"{self._calls} {name}"

    def _meet(self, key: str) -> None:
        """Returns when all members have come."""
        self._board.count(key)
        self._board.wait_until(lambda: self._board.counted(key) >= self.ranks.world)


@final
class Board:
    """Where members leave word for each other, outside the group's own traffic: who is done, and who failed."""

    def __init__(self, store: dist.Store, membership: Membership) -> None:
        self._store, self._membership = store, membership

    def pin(self, key: str) -> None:
        """For those that `wait_for` it."""
        self._store.set(key, "1")

    def wait_for(self, key: str) -> None:
        """As long as it takes; SaidError once another member has failed."""
        self.wait_until(lambda: self._store.check([key]))

    def wait_until(self, done: Callable[[], bool]) -> None:
        pause = 0.002
        while not done():
            if self.failed():
                raise SaidError
            time.sleep(pause)
            pause = min(0.5, 1.5 * pause)

    def count(self, key: str) -> int:
        """One more; how many there are now."""
        return self._store.add(key, 1)

    def counted(self, key: str) -> int:
        return self._store.add(key, 0)

    def failed(self) -> bool:
        return self.counted("failed") > 0

    @contextlib.contextmanager
    def told(self) -> Iterator[None]:
        """An error inside is this member's to say, unless another has failed before: then SaidError."""
        try:
            yield
        except SaidError:
            raise
        except BaseException as error:
            raise self._verdict(error) from error

    def _verdict(self, error: BaseException) -> BaseException:
        lost = _is_of_others(error)
        deadline = time.monotonic() + 5.0
        try:
            while lost and not self.failed() and time.monotonic() < deadline:
                time.sleep(0.05)
            first = self.count("failed") == 1
        except KeyboardInterrupt:  # the launcher has seen it too, and ends this process
            return SaidError()
        except RuntimeError:  # the store is gone with the process that kept it
            first = lost = True
        if not first:
            return SaidError()
        said = LostError(self._membership.ranks) if lost else error
        heard = self._membership.leave_failure(said)
        return SaidError() if heard and _is_word(said) else said


class LostError(PlusxError, RuntimeError):
    """Another process of the team has ended without a word."""

    def __init__(self, ranks: Ranks) -> None:
        super().__init__(
            f"One of the {ranks.world} processes that train together was ended from outside, or cannot be reached. The "
            "last checkpoint is as it was: go on from it with --resume, or let the launcher do so with --max-restarts."
        )


def _is_word(error: BaseException) -> bool:
    """Whether it is for users: the traceback of any other is shown where it was raised."""
    return isinstance(error, PlusxError | KeyboardInterrupt)


def _is_of_others(error: BaseException) -> bool:
    """Whether it says that another process is gone: torch has no class for all of these."""
    words = ("gloo", "NCCL", "Connection", "Broken pipe", "peer")
    return isinstance(error, dist.DistError) or (
        isinstance(error, RuntimeError) and not isinstance(error, PlusxError) and any(w in str(error) for w in words)
    )


def _gpu(membership: Membership) -> int:
    """InputError where there are fewer GPUs than processes on this machine."""
    count = torch.cuda.device_count()
    if membership.local >= count:
        raise InputError(
            f"{membership.local_world} processes were asked for, and there are GPUs for {count} on this machine. Ask "
            f"for {count}, or say --device cpu."
        )
    return membership.local


@contextlib.contextmanager
def _quiet(membership: Membership) -> Iterator[None]:
    """One member says what is to be said."""
    logger = logging.getLogger("plusx")
    level = logger.level
    if membership.ranks.rank > 0:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)

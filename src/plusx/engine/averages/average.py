"""Averages of the weights, kept beside those that learn; they are what gets evaluated and kept."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol

import torch

from plusx.core.task import Task

Copied = Callable[[Task], Task]


class Average(ABC):
    """`task` is a copy whose parameters are averages over time; its buffers are those of the newest weights in them.

    `updates`: how often weights were taken in; at 0 there is no average yet. `steps`: optimizer's steps seen.
    """

    reestimates: ClassVar[bool] = False
    """Whether BatchNorm's statistics have to be taken anew before it is judged."""

    def __init__(self, task: Task, copied: Copied = copy.deepcopy) -> None:
        self.task = copied(task).requires_grad_(False)
        self.updates = self.steps = self.epoch = 0

    @property
    def begun(self) -> bool:
        return self.updates > 0

    @abstractmethod
    def after_step(self, task: Task) -> None:
        """After an optimizer step on `task`."""

    @abstractmethod
    def after_epoch(self, task: Task, epoch: int, epochs: int) -> None:
        """After `epoch` (from 1) of all `epochs`; the same epoch may come twice, and counts once."""

    @torch.no_grad()
    def take_in(self, task: Task, share: float) -> None:
        """w̄ ← w̄ + share·(w − w̄); buffers are copied."""
        averages = [parameter.data for parameter in self.task.parameters()]
        torch._foreach_lerp_(averages, [parameter.data for parameter in task.parameters()], share)
        for copied, buffer in zip(self.task.buffers(), task.buffers(), strict=True):
            copied.copy_(buffer)
        self.updates += 1

    def state_dict(self) -> dict[str, Any]:
        return {"task": self.task.state_dict(), **self.counts()}

    def counts(self) -> dict[str, int]:
        """What `count` takes up again."""
        return {"updates": self.updates, "steps": self.steps, "epoch": self.epoch}

    def count(self, state: dict[str, Any]) -> None:
        """As `counts` were; of an older version's average, which took in every step, the updates alone are there."""
        self.updates = state["updates"]
        self.steps, self.epoch = state.get("steps", self.updates), state.get("epoch", 0)


def average_in(state: Mapping[str, Any]) -> dict[str, Any] | None:
    """The average's own state in a checkpoint; older versions called it "ema"."""
    return state["average"] if "average" in state else state.get("ema")


class AverageConfig(Protocol):
    """A frozen configuration that begins its average."""

    def begin(self, task: Task, copied: Copied = copy.deepcopy) -> Average:
        """Of the weights of `task`."""
        ...

    def factor(self, own: Callable[[int], float], step: int, steps: int, epoch: int) -> float:
        """The rate's factor at `step` of `steps`, `epoch` of which are an epoch; `own` is what the schedule has."""
        ...

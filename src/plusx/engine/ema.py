"""Exponential moving average of the weights (Polyak and Juditsky 1992; Tarvainen and Valpola 2017)."""

import copy
from collections.abc import Callable
from typing import Any

import torch

from plusx.core.task import Task


class Ema:
    """`task` is a copy whose parameters follow w̄ ← d·w̄ + (1 − d)·w; its buffers are copied at each update.

    d rises with the number of updates n as min(decay, (1 + n) / (10 + n)), the warm-up of TensorFlow's
    `ExponentialMovingAverage(num_updates)`, so that short runs are not averages of their random beginning.
    """

    def __init__(self, task: Task, decay: float, copied: Callable[[Task], Task] = copy.deepcopy) -> None:
        self.task = copied(task).requires_grad_(False)
        self.decay = decay
        self.updates = 0

    @torch.no_grad()
    def update(self, task: Task) -> None:
        """After an optimizer step on `task`."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        averages = [parameter.data for parameter in self.task.parameters()]
        torch._foreach_lerp_(averages, [parameter.data for parameter in task.parameters()], 1 - decay)
        for copied, buffer in zip(self.task.buffers(), task.buffers(), strict=True):
            copied.copy_(buffer)
        self.updates += 1

    def state_dict(self) -> dict[str, Any]:
        return {"task": self.task.state_dict(), "updates": self.updates}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.task.load_state_dict(state["task"])
        self.updates = state["updates"]

"""Exponential moving average of the weights (Polyak and Juditsky 1992; Tarvainen and Valpola 2017).

w̄ ← d·w̄ + (1 − d)·w
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

from plusx.core.task import Task
from plusx.engine.averages.average import Average, Copied
from plusx.engine.optimizers.optimizer import check_range


@final
@dataclass(frozen=True)
class Ema:
    """`decay`: d, 0..1, of one update. `every`: so many steps make one update (torchvision: 32).

    warmup: d rises with the number of updates n as min(decay, (1 + n) / (10 + n)), the warm-up of TensorFlow's
    `ExponentialMovingAverage(num_updates)`, so that short runs are not averages of their random beginning.
    """

    decay: float = 0.99
    every: int = 1
    warmup: bool = True

    def __post_init__(self) -> None:
        check_range("Ema.decay", self.decay, 0, 1)
        check_range("Ema.every", self.every, 1, float("inf"))

    def begin(self, task: Task, copied: Copied = copy.deepcopy) -> Average:
        return Exponential(task, self, copied)

    def factor(self, own: Callable[[int], float], step: int, steps: int, epoch: int) -> float:
        return own(step)


@final
class Exponential(Average):
    """Takes in the weights after steps."""

    def __init__(self, task: Task, config: Ema, copied: Copied = copy.deepcopy) -> None:
        super().__init__(task, copied)
        self.config = config

    def after_step(self, task: Task) -> None:
        self.steps += 1
        if self.steps % self.config.every == 0:
            n, decay = self.updates, self.config.decay
            self.take_in(task, 1 - (min(decay, (1 + n) / (10 + n)) if self.config.warmup else decay))

    def after_epoch(self, task: Task, epoch: int, epochs: int) -> None:
        """Nothing: it goes by steps."""

"""Stochastic weight averaging (Izmailov et al. 2018, arXiv 1803.05407, algorithm 1).

From a share of the run on the rate is high and constant, so that the weights wander about a wide optimum, and their
mean over the ends of the epochs is what counts. BatchNorm's statistics are not those of the mean's own maps: they are
taken anew over training images (section 3.2) before it is judged.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

from plusx.core.task import Task
from plusx.engine.averages.average import Average, Copied
from plusx.engine.optimizers.optimizer import check_range
from plusx.engine.schedules.schedule import check_fraction, halfway_down


@final
@dataclass(frozen=True)
class Swa:
    """`start`: share of the epochs, 0..1, after which the averaging begins; the paper's is 0.75.

    rate: the rate's factor from then on; None: as the schedule has it. It is reached from the schedule's by half a
    cosine over `anneal` epochs, as by torch's `SWALR`. The paper's 0.01 to 0.05 of a first 0.1 are 0.1 to 0.5.
    """

    start: float = 0.75
    rate: float | None = 0.5
    anneal: float = 1.0

    def __post_init__(self) -> None:
        check_range("Swa.start", self.start, 0, 1)
        check_fraction("Swa.rate", self.rate or 0.0)
        check_range("Swa.anneal", self.anneal, 0, float("inf"))

    def begin(self, task: Task, copied: Copied = copy.deepcopy) -> Average:
        return Equal(task, self, copied)

    def before(self, epochs: int) -> int:
        """Epochs, of all `epochs`, without an average: all but one at most."""
        return min(round(self.start * epochs), epochs - 1)

    def factor(self, own: Callable[[int], float], step: int, steps: int, epoch: int) -> float:
        begins = self.before(-(-steps // epoch)) * epoch
        if self.rate is None or step < begins:
            return own(step)
        passed = min(1.0, (step - begins) / (self.anneal * epoch)) if self.anneal else 1.0
        return halfway_down(passed, own(max(0, begins - 1)), self.rate)


@final
class Equal(Average):
    """The mean of the weights at the ends of epochs."""

    reestimates = True

    def __init__(self, task: Task, config: Swa, copied: Copied = copy.deepcopy) -> None:
        super().__init__(task, copied)
        self.config = config

    def after_step(self, task: Task) -> None:
        """Nothing: it goes by epochs."""

    def after_epoch(self, task: Task, epoch: int, epochs: int) -> None:
        if epoch <= self.config.before(epochs):
            self.updates = 0  # of a run that goes on with more epochs: what was the end of the shorter one has no part
        elif epoch > self.epoch:
            self.take_in(task, 1 / (self.updates + 1))
            self.epoch = epoch

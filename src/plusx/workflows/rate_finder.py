"""The rate of `--rate auto` and `plusx find-rate`: a range test on a copy of the network, which is left alone."""

import copy
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count, islice
from pathlib import Path
from typing import Any

from rich.console import Console

from plusx.core.batch import Batch, Batches
from plusx.core.sample import Listing
from plusx.core.storage import write_text
from plusx.engine import randomness
from plusx.engine.placement import Placement, tuned
from plusx.engine.plan import OPTIMIZERS
from plusx.engine.position import Position
from plusx.engine.rate_range import LOWEST, STEPS, Sweep, sweep
from plusx.engine.step import Stepper
from plusx.report.rate_curve import rate_curve
from plusx.workflows.building import Design
from plusx.workflows.directory import RunDirectory, write_json
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.loading import preparation, training_batches
from plusx.workflows.reading import reading_bar
from plusx.workflows.recipes import scaling

SECONDS = 120.0  # for the whole test
FAR = 10.0  # times, from which a suggestion is doubted; ours
LEAST = 40  # steps, whatever they take: fewer give no curve


@dataclass(frozen=True)
class FoundRate:
    """`rate`: the one suggested. `sweep`: the curve it was read from; `usual`: the recipe's rate."""

    rate: float
    sweep: Sweep
    usual: float
    optimizer: str

    def __str__(self) -> str:
        found = self.sweep
        return (
            f"rate {self.rate:.2g} for {self.optimizer} (middle of the longest fall; steepest at {found.steep:.2g}, "
            f"{len(found.rates)} steps from {found.rates[0]:.1g} to {found.rates[-1]:.2g}; the recipe's is "
            f"{self.usual:.3g}){self.doubt}"
        )

    @property
    def word(self) -> str:
        """Of `--optimizer`."""
        return next(name for name, kind in OPTIMIZERS.items() if kind.__name__ == self.optimizer)

    @property
    def doubt(self) -> str:
        """What speaks against the suggestion; empty where nothing does."""
        if 1 / FAR <= self.rate / self.usual <= FAR:
            return ""
        return (
            f". That is more than {FAR:g} times off the recipe's rate: with few images the curve is mostly noise. "
            "Train with either, and compare (plusx compare)"
        )

    def write(self, directory: Path) -> tuple[Path, Path]:
        """rate-finder.svg and rate-finder.json."""
        picture, values = RunDirectory(directory).rate_finder
        marks = {"valley": self.sweep.valley, "steep": self.sweep.steep}
        write_text(picture, rate_curve(self.sweep.rates, self.sweep.losses, marks))
        content: dict[str, Any] = {"suggestion": self.rate, **marks, "recipe": self.usual, "optimizer": self.optimizer}
        write_json(values, {**content, "rates": self.sweep.rates, "losses": self.sweep.losses})
        return picture, values


def found_rate(
    settings: FitSettings, listing: Listing, made: Design, placement: Placement, console: Console, steps: int = STEPS
) -> FoundRate:
    """Trains a copy of `made` for `steps` of rising rate, or for as many, at least `LEAST`, as fit into `SECONDS`.
    InputError where the loss never falls.

    All of it learns, also where the run begins with a frozen backbone.
    """
    plan = replace(made.recipe.plan.without_phases(), average=None)
    recipe = replace(made.recipe, plan=plan)
    source = training_batches(listing, made.shown, recipe, settings)
    console.print(f"up to {steps} steps of rising rate, in about {SECONDS:.0f} s at most", highlight=False)
    with randomness.sheltered(), tuned(placement), reading_bar(console, "looking for the rate") as told:
        randomness.begin(plan.seed)
        stepper = Stepper(copy.deepcopy(made.task), plan, placement, preparation(made.card.input, recipe))
        stepper.tell = lambda text: None  # fit will say it
        stepper.begin_epoch(0)
        windows = endless(source, plan.accumulate)

        def step(rate: float) -> float:
            position, window = next(windows)
            return sum(stepper.step(window, position, rate / plan.optimizer.rate).values())

        found = sweep(step, told, fitting(steps, lambda: step(LOWEST)))
    return FoundRate(float(f"{found.valley:.2g}"), found, plan.optimizer.rate, type(plan.optimizer).__name__)


def fitting(steps: int, step: Callable[[], object]) -> int:
    """How many of `steps` there is time for, by the second of two."""
    step()
    began = time.perf_counter()
    step()
    return max(min(steps, LEAST), min(steps, int(SECONDS / (time.perf_counter() - began))))


def endless(source: Batches, accumulate: int) -> Iterator[tuple[Position, list[Batch]]]:
    """Steps of epoch after epoch."""
    step = 0
    for epoch in count():
        stream, place = source.epoch(epoch), 0
        while window := list(islice(stream, accumulate)):
            yield Position(epoch, place, step), window
            place, step = place + len(window), step + 1


def with_rate(made: Design, rate: float) -> Design:
    """The same design, trained at another rate."""
    optimizer = scaling.with_rate(made.recipe.plan.optimizer, rate)
    plan = replace(made.recipe.plan, optimizer=optimizer)
    return replace(made, recipe=replace(made.recipe, plan=plan))

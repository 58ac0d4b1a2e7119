"""The batch size that `--batch-size auto` finds: real steps of real images, twice as many each time while that pays."""

import copy
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from plusx.core.batch import Batch
from plusx.core.errors import OutOfMemoryError
from plusx.core.sample import Listing
from plusx.engine import randomness
from plusx.engine.free_memory import forget_peak, free_memory, held, peak
from plusx.engine.placement import Placement
from plusx.engine.position import Position
from plusx.engine.step import Stepper
from plusx.workflows.building import Design
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.loading import preparation, training_batches
from plusx.workflows.rate_finder import with_rate
from plusx.workflows.recipes.scaling import rule_of

MOST = 256  # images
STEPS_OF_EPOCH = 16  # fewer steps than that in an epoch train too little
GAIN = 1.1  # images/s that another doubling has to bring
SHARE = 0.5  # of the free memory of the host that a step may take
SECONDS = 20.0  # for all measurements
STEPS = 2  # measured at each size, after one that warms up


@dataclass(frozen=True)
class Found:
    """`rates`: images/s by size. `why` no larger size was tried. `usual`: the size without the search; 0: `size`."""

    size: int
    rates: Mapping[int, float]
    why: str
    usual: int = 0

    def __str__(self) -> str:
        measured = ", ".join(f"{size}: {rate:.3g}" for size, rate in self.rates.items())
        return f"batch size {self.size} (images/s {measured}; {self.why})"


def found_batch_size(settings: FitSettings, listing: Listing, made: Design, placement: Placement) -> Found:
    """Trains a copy of `made` for a few steps of each size. OutOfMemoryError where not even two images fit."""
    count = len(listing.splits["train"])
    usual = min(made.recipe.batch_size, count)
    most = max(usual, min(MOST, count // STEPS_OF_EPOCH))
    recipe = replace(made.recipe, batch_size=most, plan=made.recipe.plan.without_phases())
    few = listing.with_splits({**listing.splits, "train": listing.splits["train"][:most]})
    source = training_batches(few, made.shown, recipe, replace(settings, workers=0, balance="none"))
    with randomness.sheltered():
        batch = next(iter(source.epoch(0)))
        stepper = Stepper(copy.deepcopy(made.task), recipe.plan, placement, preparation(made.card.input, recipe))
        stepper.tell = lambda text: None  # of memory: that is what is looked for
        stepper.begin_epoch(0)
        found = searched(lambda size: measured(stepper, first(batch, size)), usual, most)
    return replace(found, usual=usual)


def resized(made: Design, found: Found, settings: FitSettings) -> tuple[Design, str]:
    """With the batch size that was found and the rate that goes with it by `recipes.scaling`; and the rule in words."""
    plan, times = made.recipe.plan, found.size / (found.usual or found.size)
    made = replace(made, recipe=replace(made.recipe, batch_size=found.size))
    if settings.rate is not None:
        return made, "the rate is looked for with it" if settings.rate == "auto" else "the rate is the one given"
    if times == 1:
        return made, "the rate is the recipe's"
    optimizer, rule = plan.optimizer, rule_of(plan.optimizer)
    rate = float(f"{optimizer.rate * rule.factor(times):.3g}")
    words = f"the rate goes from {optimizer.rate:g} to {rate:g} ({type(optimizer).__name__}: {rule.words})"
    return with_rate(made, rate), words


def searched(measure: Callable[[int], float | str], usual: int, most: int) -> Found:
    """From the usual size on the largest of which each doubling paid; where it does not fit, the half that does.

    measure: images/s of a size, or why it is too large.
    """
    deadline = time.perf_counter() + SECONDS
    size, rates = usual, dict[int, float]()
    while isinstance(rate := measure(size), str):
        if size <= 2:
            raise OutOfMemoryError(
                f"Not even two images fit into memory at once ({rate}). Take a smaller --image-size or --model, or say "
                "--recompute."
            )
        size //= 2
    rates[size] = rate
    if size < usual:
        return Found(size, rates, f"{2 * size} do not fit")
    while 2 * size <= most and time.perf_counter() < deadline:
        if isinstance(rate := measure(2 * size), str):
            return Found(size, rates, f"{2 * size}: {rate}")
        rates[2 * size] = rate
        if rate < GAIN * rates[size]:
            return Found(size, rates, "a larger one is hardly faster")
        size *= 2
    return Found(
        size, rates, "measuring more takes too long" if 2 * size <= most else f"no more than {most} were tried"
    )


def first(batch: Batch, size: int) -> Batch:
    """So many of its images, as if they were a batch."""
    targets = None if batch.targets is None else batch.targets[:size]
    return Batch(batch.images[:size], targets, batch.names[:size], batch.indices[:size])


def measured(stepper: Stepper, batch: Batch) -> float | str:
    """Images/s, or why such a batch is too large."""
    on_cpu, free, before = stepper.placement.device.type == "cpu", free_memory(), held()
    forget_peak()
    seconds = []
    stepper.micro_batch = None
    for number in range(1 + STEPS):
        began = time.perf_counter()
        try:
            stepper.step([batch], Position(0, number, number), factor=1e-3)
        except OutOfMemoryError:
            return "memory ran out"
        if stepper.micro_batch is not None:  # so much was left that smaller parts of it were computed
            return "memory ran out"
        seconds.append(time.perf_counter() - began)
    after = peak()
    if on_cpu and free is not None and before is not None and after is not None and after - before > SHARE * free:
        return "a step takes more than half of the free memory"
    return len(batch) / min(seconds[1:])

"""The best model that a given time buys: which network, how large its input, how many epochs.

The rule. Candidates stand on a ladder, the cheapest lowest. Real training steps of them are measured here, rung by
rung; the lowest in the plainest way of computing and in the likeliest to be fast, and the faster of the two holds for
all. The highest rung on which the recipe's epochs fit into the time is taken, with as many epochs as fit, up to `MOST`
times the recipe's; where they fit on none, the lowest, with fewer. Where the machine turns out slower, training ends
with the last epoch that leaves time for the rest, and the best weights are kept.
"""

import math
import shlex
import time
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from plusx.core.errors import InputError
from plusx.core.sample import DENSE, Listing
from plusx.engine.pace import Deadline, slowness
from plusx.engine.placement import Placement
from plusx.engine.progress import duration
from plusx.workflows.building import design
from plusx.workflows.clock import Clock
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.ladder import ladder
from plusx.workflows.preparation import Prepared
from plusx.workflows.probing import Costs, probe, probed_placements
from plusx.workflows.strategies import least_epochs

MOST: Final = 3.0  # times the recipe's epochs
SPARE: Final = 0.9  # of the time for training is planned with: a few steps are quicker than a run's
MEASURING: Final = 0.1  # of the limit may go into climbing the ladder
EXPORT: Final = {False: 300.0, True: 450.0}
"""The exported file in units of `slowness`, by whether the task is dense: 12 and 19 s where one of them is 0.047 s."""
WRITING: Final = 80.0  # model file and report, in the same unit
COMPARED: Final = 500  # images on which the exported file is compared
WORTH_COMPARING: Final = 200.0  # seconds left: up to 10 of them go into measuring which placement is the fastest
MARGIN: Final = 1.5  # of all that follows training


@dataclass(frozen=True)
class Rung:
    """One candidate: what it costs as it was `measured`, and how many epochs fit; below 1 where not one does. `least`:
    those that it cannot do without."""

    settings: FitSettings
    measured: Placement
    usual: int  # epochs of the recipe
    least: int
    costs: Costs
    after: float  # seconds that follow training
    fitting: float


@dataclass(frozen=True)
class Timed:
    """Settings in which nothing is left to the clock, and the reason, in one line. `fits`: whether all epochs were
    expected to end in time."""

    settings: FitSettings
    reason: str
    costs: Costs
    clock: Clock
    measured: Placement
    fits: bool

    @property
    def placement(self) -> Placement:
        """As it was measured, where there is no time to compare others."""
        way = self.measured
        return replace(way, reason=f"{way}: as it was measured; to compare all others takes up to 10 s")

    def deadline(self, listing: Listing) -> Deadline:
        """Stops the training where the machine has become slower than it was measured to be."""
        ends = self.clock.began + self.clock.limit
        return Deadline(ends, lambda: after_training(self.settings, listing, self.costs))


def choose(settings: FitSettings, prepared: Prepared, given: AbstractSet[str], clock: Clock) -> Timed:
    """Climbs the ladder. InputError where nothing could be trained in the time that is left."""
    check_time(settings, MARGIN * work_after(settings, prepared.listing) * slowness(), clock)
    until = time.monotonic() + MEASURING * clock.limit
    lowest, *higher = ladder(settings, prepared, given)
    best = weigh_ways(lowest, prepared, clock)
    for candidate in higher:
        if best.fitting < best.usual or time.monotonic() > until:
            break
        found = weigh(candidate, prepared, clock, best.measured)
        if found.fitting < found.usual:
            break
        best = found
    check_time(best.settings, best.after, clock)
    return settled(best, clock)


def weigh_ways(settings: FitSettings, prepared: Prepared, clock: Clock) -> Rung:
    """Measures one candidate in the plainest and in the likeliest way of computing: the faster of the two."""
    return max(
        (weigh(settings, prepared, clock, way) for way in probed_placements(settings)), key=lambda one: one.fitting
    )


def weigh(settings: FitSettings, prepared: Prepared, clock: Clock, placement: Placement) -> Rung:
    """Measures one candidate in one way of computing."""
    listing = prepared.listing
    made = design(settings, listing, prepared.audit.sizes)
    costs = probe(settings, listing, made, placement)
    after = after_training(settings, listing, costs)
    seconds = costs.epoch(len(listing.splits["train"]), len(listing.splits["val"]))
    usual = settings.epochs or made.recipe.plan.epochs
    fitting = max(0.0, SPARE * (clock.left - after) / seconds)
    return Rung(settings, placement, usual, least_epochs(settings, made.recipe.plan), costs, after, fitting)


def after_training(settings: FitSettings, listing: Listing, costs: Costs) -> float:
    """Seconds that measuring, export and report will take, as slow as the machine is now."""
    val, test = len(listing.splits["val"]), len(listing.splits.get("test", ()))
    images = 3 * val + test + (2 * min(COMPARED, val) if settings.export else 0)
    now = slowness()
    measuring = costs.measuring(images) * max(1.0, now / costs.slowness)
    return MARGIN * (measuring + work_after(settings, listing) * now)


def work_after(settings: FitSettings, listing: Listing) -> float:
    """Export and report, in units of `slowness`."""
    return WRITING + (EXPORT[listing.kind in DENSE] if settings.export else 0.0)


def check_time(settings: FitSettings, after: float, clock: Clock) -> None:
    """InputError where no time is left to train at all. after: seconds of what follows training."""
    if clock.left > after:
        return
    needed = clock.limit - clock.left + after
    other = ", or leave the exported file away with --no-export" if settings.export else ""
    raise InputError(
        f"--time-limit {settings.time_limit:g} s leaves no time to train: what comes before and after takes about "
        f"{duration(needed)} here, as busy as it is now. Give at least {duration(2 * needed)}{other}."
    )


def settled(rung: Rung, clock: Clock) -> Timed:
    """With epochs, unless the user gave them."""
    settings = rung.settings
    fitting = max(rung.least, min(math.floor(rung.fitting), round(MOST * rung.usual)))
    epochs = settings.epochs or fitting
    side = f" at {settings.image_size} pixels" if settings.image_size else ""
    reason = f"{settings.model}{side} for {epochs} epoch{'s' if epochs > 1 else ''} in {duration(clock.limit)}: "
    reason += why(rung, settings.epochs is not None)
    fits = epochs <= rung.fitting
    return Timed(replace(settings, epochs=epochs), reason, rung.costs, clock, rung.measured, fits)


def why(rung: Rung, asked: bool) -> str:
    """Why so many epochs on this rung."""
    if rung.fitting < 1:
        return f"the quickest candidate, and only {rung.fitting:.0%} of an epoch fits"
    if asked:
        return f"as many as asked for, and {rung.fitting:.3g} fit"
    if rung.fitting < rung.least:
        return f"the quickest candidate, and no fewer than its phases need, of which {rung.fitting:.3g} fit"
    if rung.fitting < rung.usual:
        return f"the quickest candidate, and not more of the recipe's {rung.usual} fit"
    return f"the largest candidate for which the recipe's {rung.usual} fit"


def late(done: int, settings: FitSettings, run: Path, *, fits: bool) -> str:
    """What to say of a run whose time was up. fits: whether it was expected to end in time."""
    why = "this machine is slower than it was measured to be, and the" if fits else "the"
    return (
        f"Stopped after {done} of {settings.epochs} epochs: {why} time limit of {settings.time_limit} s comes first. "
        f"The best weights so far are kept. To train the rest, without a limit: plusx fit --resume "
        f"{shlex.quote(str(run))}"
    )

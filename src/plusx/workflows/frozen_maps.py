"""What comes out of stages that stay as they are is computed once and kept: whether, where, and in how many views."""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from rich.console import Console

from plusx.core.batch import Batches
from plusx.core.card import Input
from plusx.core.errors import InputError
from plusx.core.ranks import ALONE, Ranks
from plusx.core.sample import DENSE
from plusx.data.augment.combine import InTurn
from plusx.data.loader import Loader
from plusx.engine.averages.swa import Swa
from plusx.engine.frozen.kept import Keeping, Kept, Work
from plusx.engine.frozen.prefix import Prefix, kept_shape, kept_stages
from plusx.engine.notes import Notes
from plusx.engine.parts import Outcome, Prepare
from plusx.engine.placement import Placement
from plusx.workflows.building import Design
from plusx.workflows.contents import comparable, contents
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.kept_directory import MAPS, kept_directory, place_of, room_for
from plusx.workflows.loading import preparation, training_batches
from plusx.workflows.preparation import Prepared
from plusx.workflows.settling import Job

log = logging.getLogger("plusx")

VIEWS: Final = 4
"""Ways in which an image is shown to stages that stay, where more than the head learns after them."""


@dataclass(frozen=True)
class FrozenMaps:
    """Of one run: the stages that stay, in so many `views`."""

    prefix: Prefix
    views: int
    side: int  # of decoded images that are kept
    settings: FitSettings
    work: Work

    def training(self, batches: Loader, prepared: Prepared, made: Design, notes: Notes) -> Batches:
        """The training batches, as maps where stages stay: a single view of each image is that as it will be predicted,
        more are cut and coloured by the recipe."""
        recipe, listing = made.recipe, prepared.listing
        key = f"{contents(prepared.digests)} train {self.views} {made.shown}"
        if self.views > 1:
            key = f"{key} {recipe.transform} {self.settings.seed} {self.side}"
            still, prepare = batches, preparation(made.card.input, recipe)
        else:
            still = training_batches(listing, made.shown, recipe, self.settings, changed=False)
            still.handling, prepare = batches.handling, preparation(made.card.input)
        keeping = self._keeping(key, len(listing.splits["train"]), made.shown, prepare, notes, self.views)
        return Kept(batches, still, self.prefix, keeping)

    def validation(self, batches: Loader, prepared: Prepared, made: Design, notes: Notes) -> Batches:
        """Those that validate, each image as it will be predicted; as they are where nobody knows what is in them."""
        if not all(map(comparable, prepared.listing.splits["val"])):
            return batches
        key = f"{contents(prepared.digests)} val {made.card.input}"
        images = len(prepared.listing.splits["val"])
        return Kept(
            batches,
            batches,
            self.prefix,
            self._keeping(key, images, made.card.input, preparation(made.card.input), notes),
        )

    def _keeping(
        self,
        key: str,
        images: int,
        input: Input,  # noqa: A002 - the noun of core.card
        prepare: Prepare,
        notes: Notes,
        views: int = 1,
    ) -> Keeping:
        def directory(stages: str) -> Path:
            said = f"{key} {self.prefix.placement} {stages}"
            return place_of(said)

        picture = (input.channels, *input.size)
        return Keeping(directory, images, picture, views, self.settings.seed, prepare, notes.add, self.work)

    def told_in(self, outcome: Outcome, console: Console) -> Outcome:
        """With a note on how much work was saved, if any was."""
        shown, computed = self.work.shown, self.work.computed
        if shown == computed:
            return outcome
        said = (
            f"frozen stages were computed for {computed} of {shown} pictures "
            f"({1 - computed / shown:.0%} saved); what came out of them is kept for the next run in {kept_directory()}"
        )
        console.print(said, highlight=False, markup=False)
        note = {"epoch": outcome.epochs_done, "step": outcome.steps_done, "text": said}
        return replace(outcome, notes=(*outcome.notes, note))


def settle_views(job: Job, prepared: Prepared, made: Design, placement: Placement, ranks: Ranks = ALONE) -> int:
    """As the run began; of a new one what its plan and the disk allow."""
    if job.saved is None:
        return views_for(job.settings, prepared, made, placement, ranks)
    views = int(job.saved.get("frozen_views", 0))
    if views and ranks.world > 1:
        raise InputError(
            f"{job.run.path} keeps what comes out of stages that stay as they are, which one process does alone: it "
            "cannot go on with several. Leave --nproc away."
        )
    return views


def views_for(settings: FitSettings, prepared: Prepared, made: Design, placement: Placement, ranks: Ranks) -> int:
    """In how many views images are kept; 0 where nothing is. Views that were asked for in vain are warned of."""
    stages = len(made.task.backbone.stages)
    still = kept_stages(made.recipe.plan, stages)
    if settings.frozen_views == 0:
        return 0
    why = _hindrance(settings, prepared, made, still)
    if placement.sharded or ranks.world > 1:
        why = "one process keeps maps, of a whole network"
    views = 0 if why else _wanted(settings, still, stages)
    if views > 1 and made.recipe.pixels:
        views, why = 0, "policies such as RandAugment are drawn for a batch at once: one view can be kept, or none"
    found = min(views, _fitting(settings, prepared, made, [one for one in set(still) if one])) if views else 0
    if settings.frozen_views is not None and found < settings.frozen_views:
        room = "the disk has no room for more: see --cache-limit and PLUSX_CACHE"
        why = why or ("in fewer epochs do stages stay as they are" if views < settings.frozen_views else room)
        log.warning("--frozen-views %d: %d are kept, as %s", settings.frozen_views, found, why)
    return found


def _hindrance(settings: FitSettings, prepared: Prepared, made: Design, still: Sequence[int]) -> str | None:
    """Why maps cannot stand for images; `still`: stages that stay and have stayed, epoch by epoch."""
    recipe, train = made.recipe, prepared.listing.splits["train"]
    if not any(still):
        return "no stage stays as it is for more than an epoch (--strategy head, lp-ft, --frozen-epochs)"
    if prepared.listing.kind in DENSE:
        return "boxes and masks move with the image"
    if recipe.augment != InTurn() or recipe.mix is not None:
        return "images are mixed or changed after their crop, anew each time"
    if recipe.progressive is not None:
        return "images grow while the network learns"
    if recipe.repeats > 1 or settings.balance == "sampling":
        return "images come several times in an epoch"
    if isinstance(recipe.plan.average, Swa):
        return "SWA takes its statistics over the training images"
    if not all(map(comparable, train)):
        return "nobody knows whether images of a data set of one's own are the same each time"
    return None


def _wanted(settings: FitSettings, still: Sequence[int], stages: int) -> int:
    """As asked for; else one for a head alone on all `stages`, and `VIEWS` elsewhere, each coming twice at least."""
    longest = max(still.count(one) for one in set(still) if one)
    if settings.frozen_views is not None:
        return min(settings.frozen_views, longest)
    changes = (settings.augment, settings.crop, settings.colour) != (None, None, None)
    if set(still) <= {0, stages} and not changes:
        return 1
    views = min(VIEWS, longest // 2)
    return views if views > 1 else 0


def _fitting(settings: FitSettings, prepared: Prepared, made: Design, kept: Sequence[int]) -> int:
    """How many views fit on the disk."""

    def row(stages: int, input: Input) -> int:  # noqa: A002 - the noun of core.card
        return 2 * math.prod(kept_shape(made.task, stages, (input.channels, *input.size)))

    splits = prepared.listing.splits
    validation = len(splits["val"]) * sum(row(stages, made.card.input) for stages in kept)
    a_view = len(splits["train"]) * sum(row(stages, made.shown) for stages in kept)
    return max(0, int((MAPS * room_for(settings) - validation) // a_view))


def frozen_maps(job: Job, made: Design, placement: Placement) -> FrozenMaps | None:
    """None for no views."""
    if job.views == 0:
        return None
    return FrozenMaps(Prefix(made.task, made.recipe.plan, placement), job.views, job.side, job.settings, Work())

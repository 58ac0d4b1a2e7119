"""What comes out of stages that stay as they are is computed once and kept: whether, where, and in how many views."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import torch
from rich.console import Console

from plusx.core.batch import Batches
from plusx.core.errors import InputError, StorageError
from plusx.core.ranks import ALONE, Ranks
from plusx.core.sample import DENSE
from plusx.data.augment.combine import InTurn
from plusx.data.loader import Loader
from plusx.engine import modes
from plusx.engine.averages.swa import Swa
from plusx.engine.frozen.kept import Keeping, Kept, Work
from plusx.engine.frozen.prefix import Prefix, kept_stages, shrunk
from plusx.engine.notes import Notes
from plusx.engine.parts import Outcome, Prepare
from plusx.engine.placement import Placement
from plusx.workflows.building import Design
from plusx.workflows.contents import comparable, contents
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.kept_directory import kept_directory, room_for
from plusx.workflows.loading import preparation, training_batches
from plusx.workflows.preparation import Prepared
from plusx.workflows.settling import Job

VIEWS: Final = 4
"""Ways in which an image is shown to stages that stay, where more than the head learns after them."""


@dataclass(frozen=True)
class FrozenMaps:
    """Of one run: the stages that stay, in so many `views`, below `directory`."""

    prefix: Prefix
    views: int
    directory: Path
    settings: FitSettings
    work: Work

    def training(self, batches: Loader, prepared: Prepared, made: Design, notes: Notes) -> Batches:
        """The training batches, as maps where stages stay: a single view of each image is that as it will be predicted,
        more are cut and coloured by the recipe."""
        recipe, listing = made.recipe, prepared.listing
        key = f"{contents(prepared.digests)} train {self.views} {made.shown}"
        if self.views > 1:
            key = f"{key} {recipe.transform} {recipe.pixels} {self.settings.seed}"
            still, prepare = batches, preparation(made.card.input, recipe)
        else:
            still = training_batches(listing, made.shown, recipe, self.settings, changed=False)
            still.handling, prepare = batches.handling, preparation(made.card.input)
        keeping = self._keeping(key, len(listing.splits["train"]), self.views, prepare, notes)
        return Kept(batches, still, self.prefix, keeping)

    def validation(self, batches: Loader, prepared: Prepared, made: Design, notes: Notes) -> Batches:
        """Those that validate, each image as it will be predicted."""
        key = f"{contents(prepared.digests)} val {made.card.input}"
        images = len(prepared.listing.splits["val"])
        return Kept(batches, batches, self.prefix, self._keeping(key, images, 1, preparation(made.card.input), notes))

    def _keeping(self, key: str, images: int, views: int, prepare: Prepare, notes: Notes) -> Keeping:
        def directory(stages: str) -> Path:
            said = f"{key} {self.prefix.placement} {stages}"
            return self.directory / hashlib.sha256(said.encode()).hexdigest()[:16]

        return Keeping(directory, images, views, self.settings.seed, prepare, notes.add, self.work)

    def begins(self, epoch: int) -> None:
        """`epoch` (from 0) is the one under way."""
        self.prefix.begin(epoch)

    def told_in(self, outcome: Outcome, console: Console) -> Outcome:
        """With a note on how much work was saved, if any was."""
        shown, computed = self.work.shown, self.work.computed
        if shown == computed:
            return outcome
        said = (
            f"stages that stayed as they are were computed for {computed} of {shown} pictures "
            f"({1 - computed / shown:.0%} saved); their maps are kept in {self.directory}"
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
    """In how many views images are kept; 0 where nothing is: no stage stays for more than an epoch, or a batch is more
    than its images, or there is no room."""
    plan, recipe, stages = made.recipe.plan, made.recipe, made.task.backbone.stages
    still = [kept_stages(plan, epoch, len(stages)) for epoch in range(plan.epochs)]
    if not any(still) or settings.frozen_views == 0 or placement.sharded or ranks.world > 1:
        return 0
    mixes = recipe.augment != InTurn() or recipe.mix is not None or recipe.progressive is not None
    again = recipe.repeats > 1 or settings.balance == "sampling"
    anew = isinstance(plan.average, Swa)  # statistics are taken over training images
    known = all(map(comparable, prepared.listing.splits["train"]))  # others may be cut anew each time
    if prepared.listing.kind in DENSE or mixes or again or anew or not known:
        return 0
    asked = settings.augment, settings.crop, settings.colour
    head = set(still) <= {0, len(stages)} and asked == (None, None, None)
    views = min(settings.frozen_views or (1 if head else VIEWS), sum(map(bool, still)))
    return min(views, _fitting(settings, prepared, made, [one for one in set(still) if one]))


def _fitting(settings: FitSettings, prepared: Prepared, made: Design, kept: Sequence[int]) -> int:
    """How many views fit on the disk."""
    a_view = len(prepared.listing.splits["train"]) * sum(row_bytes(made, stages) for stages in kept)
    return int(room_for(settings) // a_view)


@torch.no_grad()
def row_bytes(made: Design, stages: int) -> int:
    """Of one picture after so many stages."""
    backbone = made.task.backbone
    device = next(backbone.parameters()).device
    with modes.preserved_modes(backbone):
        backbone.eval()
        images = torch.zeros(1, made.shown.channels, *made.shown.size, device=device)
        return 2 * shrunk(made.task, stages, backbone.through(stages, images)).numel()


def frozen_maps(settings: FitSettings, made: Design, placement: Placement, views: int) -> FrozenMaps | None:
    """None for no views, and where nothing can be kept."""
    if views == 0:
        return None
    try:
        directory = kept_directory()
    except (StorageError, OSError):
        return None
    return FrozenMaps(Prefix(made.task, made.recipe.plan, placement), views, directory, settings, Work())

"""What a run keeps for its later epochs and for later runs, maps of stages that stay and decoded images; and what it
reads, with that in its place."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from plusx.core.batch import Batches
from plusx.core.errors import StorageError
from plusx.core.ranks import ALONE, Ranks
from plusx.data.handling import Handling
from plusx.engine.frozen.kept import Kept
from plusx.engine.notes import Notes
from plusx.engine.placement import Placement
from plusx.workflows.building import Design
from plusx.workflows.frozen_maps import FrozenMaps, frozen_maps, settle_views
from plusx.workflows.kept_directory import kept_directory, make_room
from plusx.workflows.kept_images import kept_pixels, settle_side
from plusx.workflows.loading import measuring_batches, training_batches
from plusx.workflows.preparation import Prepared
from plusx.workflows.settling import Job


@dataclass(frozen=True)
class Sources:
    """What a run trains on, and what judges it. `maps`: those that stand for images, where any are kept."""

    training: Batches
    validation: Batches
    maps: FrozenMaps | None


@contextmanager
def sources(
    job: Job, prepared: Prepared, made: Design, placement: Placement, ranks: Ranks, notes: Notes
) -> Iterator[Sources]:
    """Open until the block ends. notes: what is said of files and maps on the way."""
    settings, size = job.settings, made.recipe.batch_size
    with ExitStack() as stack:
        pixels = kept_pixels(job.side, prepared, made)
        if pixels is not None:
            stack.callback(pixels.close)
        loader = training_batches(prepared.listing, made.shown, made.recipe, settings, ranks, kept=pixels)
        measuring = measuring_batches(prepared.listing, "val", made.card.input, size, settings.workers, ranks)
        loader.handling, measuring.handling = Handling(settings.unreadable, notes.add), Handling(tell=notes.add)
        maps = frozen_maps(job, made, placement)
        if maps is None:
            yield Sources(loader, measuring, None)
            return
        found = maps.training(loader, prepared, made, notes), maps.validation(measuring, prepared, made, notes)
        for one in found:
            if isinstance(one, Kept):
                stack.callback(one.close)
        yield Sources(*found, maps)


def with_kept(job: Job, prepared: Prepared, made: Design, placement: Placement, ranks: Ranks = ALONE) -> Job:
    """What it keeps: as the run began; of a new one what its plan and the disk allow, for which room is made."""
    views, side = settle_views(job, prepared, made, placement, ranks), settle_side(job, prepared, made)
    if views or side:
        try:
            make_room(kept_directory(), job.settings.cache_limit * 1e9)
        except StorageError:  # said when something is to be kept
            views, side = (views, side) if job.saved is not None else (0, 0)
    return replace(job, views=views, side=side)

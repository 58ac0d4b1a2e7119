"""What a run keeps for its later epochs and for later runs: maps of stages that stay, decoded images."""

from dataclasses import replace

from plusx.core.errors import StorageError
from plusx.core.ranks import ALONE, Ranks
from plusx.engine.placement import Placement
from plusx.workflows.building import Design
from plusx.workflows.frozen_maps import settle_views
from plusx.workflows.kept_directory import kept_directory, make_room
from plusx.workflows.kept_images import settle_side
from plusx.workflows.preparation import Prepared
from plusx.workflows.settling import Job


def with_kept(job: Job, prepared: Prepared, made: Design, placement: Placement, ranks: Ranks = ALONE) -> Job:
    """What it keeps: as the run began; of a new one what its plan and the disk allow, for which room is made."""
    views, side = settle_views(job, prepared, made, placement, ranks), settle_side(job, prepared, made)
    if views or side:
        try:
            make_room(kept_directory(), job.settings.cache_limit * 1e9)
        except StorageError:  # said when something is to be kept
            views, side = (views, side) if job.saved is not None else (0, 0)
    return replace(job, views=views, side=side)

"""Where and how a run computes: as it began, as was asked for, or as is measured to be the fastest here."""

from dataclasses import replace
from typing import Any

from plusx.core.errors import InputError
from plusx.core.ranks import ALONE, Ranks
from plusx.engine.device import (
    MOST_SECONDS,
    Auto,
    Placement,
    Precision,
    Workload,
    candidates,
    choose_placement,
    find_device,
    native_precisions,
)
from plusx.engine.plan import Plan
from plusx.engine.timing import SECONDS
from plusx.workflows.building import Design
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.kept_placement import KeptPlacement
from plusx.workflows.preparation import Prepared
from plusx.workflows.settling import Job
from plusx.workflows.time_limit import WORTH_COMPARING


def settle_placement(job: Job, made: Design, prepared: Prepared, ranks: Ranks = ALONE) -> Placement:
    """As the run began, or what is measured to be the fastest here, for one of `ranks` with its share of a batch."""
    recipe, settings = made.recipe, job.settings
    if job.saved is not None and not job.moved:
        return same_placement(job)
    if settings.shard_model:
        return sharded_placement(settings)
    if job.timed is not None and job.timed.clock.left < WORTH_COMPARING:
        return job.timed.placement
    steps = recipe.plan.epochs * -(-len(prepared.listing.splits["train"]) // recipe.batch_size)
    workload = Workload(made.shown.size, -(-recipe.batch_size // ranks.world), steps)
    words: dict[str, bool | Any] = {"yes": True, "no": False, "auto": "auto"}
    return choose_placement(
        made.task,
        workload,
        device=settings.device,
        precision=precision_for(settings, recipe.plan),
        channels_last=words[settings.channels_last],
        compile=False if settings.recompute else words[settings.compile],
        seconds=MOST_SECONDS if job.timed is None else SECONDS,
        known=KeptPlacement(made.task, workload),
    )


def precision_for(settings: FitSettings, plan: Plan) -> Auto | Precision:
    """The one asked for; none in 16 bits is tried by itself where the plan cannot be trained in it."""
    half = settings.precision == "auto" and plan.sharpness is not None
    if half and "fp16" in native_precisions(find_device(settings.device)):
        return "fp32"
    return settings.precision


def sharded_placement(settings: FitSettings) -> Placement:
    """Plain where nothing else was asked for: the whole network, which the measurement trains, may fit no device."""
    way = candidates(find_device(settings.device), settings.precision, channels_last=False)[0]
    if way.device.type == "mps":
        raise InputError("--shard-model is for CPUs and CUDA, and this would train on mps. Leave it away.")
    return replace(way, sharded=True, reason=f"{way}, divided over the processes: not measured")


def same_placement(job: Job) -> Placement:
    """As the run began. InputError where its device is not here."""
    assert job.saved is not None
    placement = Placement.from_json(job.saved["placement"])
    try:
        find_device(str(placement.device))
    except InputError as error:
        raise InputError(
            f"{job.run.path} was trained on {placement.device}. {error} To go on elsewhere: {job.spell('device')} auto."
        ) from None
    return placement

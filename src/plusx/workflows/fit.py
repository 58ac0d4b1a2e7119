"""fit: a folder of labelled images becomes a trained, measured, exported model with a report."""

import logging
import os
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from plusx.backbones.catalogue import TOP_1, card, cards
from plusx.core.errors import InputError, InterruptedRunError
from plusx.core.task import Task
from plusx.data.shards.store import is_url
from plusx.engine import checkpoint
from plusx.engine.crowding import crowding_hint
from plusx.engine.device import Placement, Workload, choose_placement
from plusx.engine.evaluate import evaluate
from plusx.engine.interrupt import Interrupt
from plusx.engine.journal import Journal
from plusx.engine.pace import Unhurried
from plusx.engine.parts import Outcome, TrainParts
from plusx.engine.progress import Progress
from plusx.engine.train import train
from plusx.workflows.audit_report import Command, mending, write_page
from plusx.workflows.building import Design, describe, design, design_again, task_name
from plusx.workflows.clock import Clock, started
from plusx.workflows.command import command_of
from plusx.workflows.contents import refuse_other_contents
from plusx.workflows.directory import RunDirectory, create, held, place_for, write_json
from plusx.workflows.environment import audit_cache, environment
from plusx.workflows.finishing import finish
from plusx.workflows.loading import measuring_batches, preparation, training_batches
from plusx.workflows.preparation import Prepared, names_in, prepare, read_listing, write_down
from plusx.workflows.reading import reading_bar
from plusx.workflows.resuming import MAY_CHANGE, nothing_left, refuse_changes
from plusx.workflows.run import Run, open_run
from plusx.workflows.settings import FitSettings, settings_from
from plusx.workflows.signature import takes
from plusx.workflows.starting import check_head, check_start, fetch_start
from plusx.workflows.time_limit import WORTH_COMPARING, Timed, choose, late

log = logging.getLogger("plusx")


@dataclass(frozen=True)
class Job:
    """One call of `fit`, settled: where, on what, with which settings, from the beginning or going on."""

    data: Any
    validation_data: Any
    settings: FitSettings
    run: RunDirectory
    saved: dict[str, Any] | None = None  # settings.json of the run that goes on
    timed: Timed | None = None  # where the settings were chosen for a time limit


@takes(FitSettings)
def fit(data: Any = None, *, validation_data: Any = None, **settings: Any) -> Run:
    """Train on `data` (folder, table, arrays, data set) with the settings of `FitSettings`; returns the finished run.

    `resume=RUN` goes on with an interrupted run, or extends it with `epochs=`; `data` then only has to be given again
    when it was in memory. Raises InputError and its kin, NonFiniteLossError, StorageError, DisagreementError, and
    InterruptedRunError after Ctrl-C, when everything is saved.
    """
    began = started()
    job = settle(data, validation_data, absolute(settings_from(FitSettings, settings)), frozenset(settings))
    console = Console(stderr=True, soft_wrap=True)
    prepared = read_and_audit(job, console)
    job = timed(job, prepared, frozenset(settings), began)
    made = settle_design(job, prepared)
    placement = settle_placement(job, made, prepared)
    if job.saved is None:
        fixed = job.settings.out is not None
        job = replace(job, run=create(job.run, overwrite=fixed and job.settings.overwrite, fixed=fixed))
    with held(job.run):
        begin(job, prepared, made, placement)
        outcome = run_training(job, prepared, made, placement, console)
        if outcome.stopped == "interrupted":
            raise InterruptedRunError(
                f"Stopped after step {outcome.steps_done}; everything is saved. "
                f"Go on with: plusx fit --resume {shlex.quote(str(job.run.path))}"
            )
        if outcome.stopped == "late":
            console.print(late(outcome.epochs_done, job.settings, job.run.path), highlight=False, markup=False)
        return finish(job.run, prepared, made, placement, outcome, job.settings)


def read_and_audit(job: Job, console: Console) -> Prepared:
    """The data, whatever is said about them on the way; weights that have to be downloaded come before the audit."""
    listing = read_listing(job.data, job.settings, job.validation_data)
    for note in listing.notes:
        console.print(note, style="dim", highlight=False, markup=False)
    if job.saved is None:
        check_head(job.settings, task_name(job.settings, listing))
        fetch_start(job.settings)
    if (hint := crowding_hint(job.settings.device)) is not None:  # now: the audit will keep all cores busy itself
        console.print(f"note: {hint}", highlight=False, markup=False)
    with reading_bar(console, "reading every image once") as progress:
        prepared = prepare(listing, job.settings, audit_cache(), progress)
    command = mending(job.data, job.settings, listing)
    tell_audit(prepared, prepared.listing.notes[len(listing.notes) :], command, console)
    return prepared


def absolute(settings: FitSettings) -> FitSettings:
    """With whole paths, so that the run can go on from any directory."""
    changes: dict[str, Any] = {
        name: path.resolve() for name in ("exclude", "weights_dir") if (path := getattr(settings, name))
    }
    if settings.weights is not None and (file := Path(settings.weights).expanduser()).is_file():
        changes["weights"] = str(file.resolve())
    return replace(settings, **changes)


def settle(data: Any, validation_data: Any, settings: FitSettings, given: frozenset[str]) -> Job:
    """A new run directory, or that of the run to go on with and the settings it began with.

    `given`: the names of the settings that the user wrote.
    """
    if settings.resume is None:
        if settings.overwrite and settings.out is None:
            log.warning("overwrite has no effect without out: a new directory below runs/ is taken")
        if data is None:
            raise InputError("No data was given. Name a folder, a table, or a run to go on with: plusx fit DATA")
        check_start(settings)
        run = place_for(settings.out, settings.overwrite, run_name(data, settings.model))
        refuse_inside(data, run)
        return Job(data, validation_data, settings, run)
    return settle_resumed(data, validation_data, settings, given)


def settle_resumed(data: Any, validation_data: Any, settings: FitSettings, given: frozenset[str]) -> Job:
    """As `settle`, for the run named by `resume`."""
    assert settings.resume is not None
    run, saved = open_run(settings.resume)
    before = settings_from(FitSettings, saved["settings"])
    refuse_changes(before, settings, given)
    changes: dict[str, Any] = {name: getattr(settings, name) for name in MAY_CHANGE & given}
    changes |= {"epochs": settings.epochs or before.epochs, "resume": settings.resume}
    goes_on = replace(before, **changes)
    if data is None and saved["data"] is None:
        raise InputError(f"{run.path} was trained on data in memory; give the same data again to go on with it")
    if data is None and validation_data is None:
        validation_data = saved.get("validation_data")
    if (text := nothing_left(run, goes_on.epochs or saved["plan"]["epochs"])) is not None:
        log.warning(text)
    return Job(data if data is not None else saved["data"], validation_data, goes_on, run, saved)


def refuse_inside(data: Any, run: RunDirectory) -> None:
    """InputError for a run inside the user's folder of images, into which nothing is ever written."""
    if isinstance(data, str | Path) and Path(data).is_dir() and run.path.resolve().is_relative_to(Path(data).resolve()):
        raise InputError(
            f"{run.path} lies inside the data folder {data}, into which plusx never writes. "
            "Give another place with --out."
        )


def run_name(data: Any, model: str) -> str:
    """The data's name and the model's."""
    known = isinstance(data, str | Path)
    return f"{Path(data).resolve().stem if known else 'arrays'}-{model}"


def timed(job: Job, prepared: Prepared, given: frozenset[str], began: float) -> Job:
    """With the network, its input and the epochs that fit into the time limit, where a new run has one."""
    if job.saved is not None or job.settings.time_limit is None:
        return job
    found = choose(job.settings, prepared, given, Clock(began, job.settings.time_limit))
    run = job.run if found.settings.out else place_for(None, False, run_name(job.data, found.settings.model))
    return replace(job, settings=found.settings, run=run, timed=found)


def settle_design(job: Job, prepared: Prepared) -> Design:
    """From the weights it starts with; for a run that goes on, whose weights are in its checkpoint, without them."""
    if job.saved is not None and checkpoint.exists(job.run.checkpoints):
        return design_again(job.settings, prepared.listing, job.saved)
    return design(job.settings, prepared.listing, prepared.audit.sizes)


def settle_placement(job: Job, made: Design, prepared: Prepared) -> Placement:
    """As the run began, or what is measured to be the fastest here."""
    recipe, settings = made.recipe, job.settings
    if settings.channels_last == "no":
        made.task.backbone.channels_last = ()
    if job.saved is not None:
        return Placement.from_json(job.saved["placement"])
    if job.timed is not None and job.timed.clock.left < WORTH_COMPARING:
        return job.timed.placement
    steps = recipe.plan.epochs * -(-len(prepared.listing.splits["train"]) // recipe.batch_size)
    workload = Workload(made.card.input.size, recipe.batch_size, steps)
    words: dict[str, bool | Any] = {"yes": True, "no": False, "auto": "auto"}
    return choose_placement(
        made.task,
        workload,
        device=settings.device,
        precision=settings.precision,
        channels_last=words[settings.channels_last],
        compile=False if settings.recompute else words[settings.compile],
    )


def begin(job: Job, prepared: Prepared, made: Design, placement: Placement) -> None:
    """Writes down what is known before the first step; compares it with what was written when the run began."""
    if job.saved is not None:
        refuse_other_data(job, prepared)
    data, validation = whole_path(job.data), whole_path(job.validation_data)
    known = data is not None and (validation is not None or job.validation_data is None)
    values = {
        "data": data if known else None,
        "validation_data": validation if known else None,
        "command": command_of(data if known and validation is None else None, job.settings),
        "begun": job.saved["begun"] if job.saved else datetime.now().astimezone().isoformat(timespec="seconds"),
        "settings": {key: value for key, value in asdict(job.settings).items() if key != "resume"},
        "excluded": sorted(() if job.settings.exclude is None else names_in(job.settings.exclude)),
        "start": made.start,
        "plan": made.recipe.plan.to_json(),
        "batch_size": made.recipe.batch_size,
        "card": made.card.to_json(),
        "task": {"name": made.task.name, **made.task.config()},
        "choice": job.timed.reason if job.timed else (job.saved or {}).get("choice"),
        "placement": placement.to_json(),
    }
    write_json(job.run.settings, values)
    write_down(prepared, job.run, mending(job.data, job.settings, prepared.listing))
    write_page(job.run.audit_page, prepared.read, prepared.audit, job.data, job.settings)
    write_json(job.run.environment, environment())


def refuse_other_data(job: Job, prepared: Prepared) -> None:
    """InputError where images, labels, splits or the contents of files are not those the run began with."""
    if job.run.read_json(job.run.data)["fingerprint"] != prepared.fingerprint:
        raise InputError(
            f"The data is not that which {job.run.path} was begun with: images, labels or splits differ "
            f"(compare with {job.run.split}). Restore it, or begin a new run."
        )
    refuse_other_contents(job.run, prepared.listing, prepared.digests)


def whole_path(data: Any) -> Path | str | None:
    """Of data on the disk, and the address of data elsewhere; None for data in memory."""
    if is_url(data):
        return data
    return Path(data).resolve() if isinstance(data, str | os.PathLike) else None


def tell_audit(prepared: Prepared, notes: Sequence[str], command: Command, console: Console) -> None:
    """What the audit found and how the images were split."""
    for note in notes:
        console.print(note, style="dim", highlight=False, markup=False)
    for line in prepared.audit.summary(command):
        console.print(line, highlight=False, markup=False)
    counts = ", ".join(f"{len(samples)} {split}" for split, samples in prepared.listing.splits.items())
    console.print(f"{describe(prepared.listing)}; images: {counts}", highlight=False)


def run_training(job: Job, prepared: Prepared, made: Design, placement: Placement, console: Console) -> Outcome:
    """The training itself, to its end or until the user stops it."""
    card, recipe, settings = made.card, made.recipe, job.settings
    batches = training_batches(prepared.listing, card.input, recipe, settings)
    validation = measuring_batches(prepared.listing, "val", card.input, recipe.batch_size, settings.workers)
    measure = preparation(card.input)

    def judge(task: Task) -> dict[str, float]:
        return evaluate(task, validation, placement, measure)

    tell_plan(made, placement, job, console)
    metrics = made.task.metrics()
    with Interrupt() as interrupt:
        parts = TrainParts(
            prepare=preparation(card.input, recipe),
            directory=job.run.checkpoints,
            evaluate=judge,
            primary=metrics.primary,
            higher_is_better=metrics.higher_is_better,
            observers=(Progress(console), Journal(job.run.path)),
            interrupt=interrupt,
            pace=job.timed.deadline(prepared.listing) if job.timed else Unhurried(),
        )
        return train(made.task, batches, recipe.plan, placement, parts=parts, resume=job.saved is not None)


def has_published_weights(architecture: str) -> bool:
    """Whether `--weights imagenet` would work."""
    return any(TOP_1 in card(name).metrics for name in cards() if card(name).architecture == architecture)


def tell_plan(made: Design, placement: Placement, job: Job, console: Console) -> None:
    """What is about to happen, in three lines."""
    plan, size = made.recipe.plan, made.card.input.size
    if job.timed is not None:
        console.print(f"chosen: {job.timed.reason}", highlight=False)
    form = ", built for small images (--small-input)" if made.card.build.get("small_input") else ""
    console.print(f"{made.card.architecture} from {made.start}, input {size[0]}×{size[1]}{form}", highlight=False)
    if made.start == "random weights" and has_published_weights(made.card.architecture):
        console.print("[dim]To start from published weights instead: --weights imagenet", highlight=False)
    console.print(
        f"{plan.epochs} epochs of {type(plan.optimizer).__name__} at {plan.optimizer.rate:g}, batches of "
        f"{made.recipe.batch_size}; {placement.reason}",
        highlight=False,
    )
    console.print(f"run directory: {job.run.path}", highlight=False)

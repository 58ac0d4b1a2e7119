"""fit: a folder of labelled images becomes a trained, measured, exported model with a report."""

import json
import logging
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from rich.console import Console

from plusx.core.errors import InputError
from plusx.core.task import Task
from plusx.engine import checkpoint
from plusx.engine.crowding import crowding_hint
from plusx.engine.device import Placement
from plusx.engine.evaluate import counted
from plusx.engine.group import joined
from plusx.engine.interrupt import Interrupt, terminating
from plusx.engine.journal import Journal
from plusx.engine.notes import Notes
from plusx.engine.observer import Observer
from plusx.engine.pace import Unhurried
from plusx.engine.parts import Outcome, TrainParts
from plusx.engine.progress import Progress
from plusx.engine.stage_norms import sampled
from plusx.engine.sync_norm import synchronised
from plusx.engine.team import ALONE, Team
from plusx.engine.train import train
from plusx.workflows.audit_report import mending, write_page
from plusx.workflows.batch_size import found_batch_size, resized
from plusx.workflows.building import Design, design, design_again, task_name
from plusx.workflows.class_curves import class_values
from plusx.workflows.clock import started
from plusx.workflows.command import command_of
from plusx.workflows.contents import refuse_other_contents
from plusx.workflows.directory import RunDirectory, create, held, write_json
from plusx.workflows.environment import audit_cache, environment, keep_compiled
from plusx.workflows.explaining import check_together, explained
from plusx.workflows.finishing import finish
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.keeping import sources, with_kept
from plusx.workflows.last_touches import KeepsStart, start_file
from plusx.workflows.loading import preparation, resizing
from plusx.workflows.origin import lasting_origin_of
from plusx.workflows.placing import settle_placement
from plusx.workflows.preparation import Prepared, names_in, prepare, read_listing, write_down
from plusx.workflows.rate_finder import found_rate, with_rate
from plusx.workflows.reading import reading_bar
from plusx.workflows.run import Run
from plusx.workflows.scoring import TIE, goal
from plusx.workflows.settling import Job, kept_settings, timed
from plusx.workflows.signature import takes
from plusx.workflows.starting import check_head, fetch_start
from plusx.workflows.stopping import said_how_to_go_on, stopped
from plusx.workflows.telling import tell_audit, tell_plan
from plusx.workflows.time_limit import late
from plusx.workflows.together import check_same, launch, settle_together
from plusx.workflows.values import Spell

log = logging.getLogger("plusx")


@takes(FitSettings)
def fit(data: Any = None, *, validation_data: Any = None, **settings: Any) -> Run:
    """Train on `data` (folder, table, arrays, data set) with the settings of `FitSettings`; returns the finished run.

    `resume=RUN` goes on with an interrupted run, or extends it with `epochs=`; `data` then only has to be given again
    when it was in memory. `out=RUN, resume="auto"` goes on with the run in `out` where it holds one, else begins it.
    Raises InputError and its kin, NonFiniteLossError, StorageError, DisagreementError, and InterruptedRunError after
    Ctrl-C, SIGTERM or SIGUSR1, when everything is saved.
    """
    return fit_in_words(str, data, validation_data, settings)


def fit_in_words(spell: Spell, data: Any, validation_data: Any, settings: Mapping[str, Any]) -> Run:
    """`fit`; where settings are named, they are by `spell`'s words: those in which the user wrote them."""
    began = started()
    if settings.get("compile") == "yes":
        keep_compiled()
    with terminating(), joined(str(settings.get("device", "auto"))) as team:
        job = settle_together(team, data, validation_data, settings, spell)
        check_together(job.settings, max(job.settings.nproc, team.ranks.world))
        if job.settings.nproc > 1 and team.ranks.world == 1:
            return launch(job, settings)
        console = Console(stderr=True, soft_wrap=True, quiet=not team.first)
        for change in job.changes:
            console.print(f"note: {change}", highlight=False, markup=False)
        prepared = team.in_turn(lambda: read_and_audit(job, console))
        check_same(team, prepared)
        job = team.decided(lambda: timed(job, prepared, frozenset(settings), began))
        made = settle_design(job, prepared, team)
        placement = team.own(team.decided(lambda: settle_placement(job, made, prepared, team.ranks)))
        if job.settings.batch_size == "auto" and job.saved is None:
            found = found_batch_size(job.settings, prepared.listing, made, placement)
            made, rule = resized(made, found, job.settings)
            console.print(f"{found}; {rule}", highlight=False)
        rate = None
        if job.settings.rate == "auto" and job.saved is None:
            rate = found_rate(job.settings, prepared.listing, made, placement, console)
            console.print(f"{rate}", highlight=False)
            made = with_rate(made, rate.rate)
        if job.saved is None:
            job = replace(job, run=team.decided(lambda: make_directory(job)))
        with held(job.run) if team.first else nullcontext():
            if rate is not None:
                rate.write(job.run.path)
            return begin_and_finish(job, prepared, made, placement, Voice(team, console, Interrupt()))


def begin_and_finish(job: Job, prepared: Prepared, made: Design, placement: Placement, voice: "Voice") -> Run:
    """All that is done in the run directory, by the first of the team."""
    team, console = voice.team, voice.console
    job = team.decided(lambda: with_kept(job, prepared, made, placement, team.ranks))
    team.decided(lambda: begin(job, prepared, made, placement))
    with said_how_to_go_on(job.run, "at once; what was saved before stays"):
        outcome = run_training(job, prepared, made, placement, voice)
    if voice.interrupt.requested or outcome.stopped == "interrupted":
        when = f"after step {outcome.steps_done}; everything is saved"
        raise stopped(job.run, str(voice.interrupt), when, terminated=voice.interrupt.terminated)
    if outcome.stopped == "late":
        console.print(
            late(outcome.epochs_done, job.settings, job.run.path, fits=job.timed is None or job.timed.fits),
            highlight=False,
            markup=False,
        )
    with said_how_to_go_on(job.run, "while results were written; the training is saved"):
        run = team.decided(lambda: finish(job.run, prepared, made, placement, outcome, job.settings))
    team.leave_result(run.to_json())
    return run


@dataclass(frozen=True)
class Voice:
    """The team, the console on which its first member speaks, and what stops this one from outside.

    watchers: who else is told of the training.
    """

    team: Team
    console: Console
    interrupt: Interrupt
    watchers: Sequence[Observer] = ()


def make_directory(job: Job) -> RunDirectory:
    """Of a new run."""
    fixed = job.settings.out is not None
    return create(job.run, overwrite=fixed and job.settings.overwrite, fixed=fixed)


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


def settle_design(job: Job, prepared: Prepared, team: Team = ALONE) -> Design:
    """From the weights it starts with; for a run that goes on, whose weights are in its checkpoint, without them."""
    made = team.decided(lambda: job.saved is not None and checkpoint.exists(job.run.checkpoints))
    if job.saved is not None and made:
        found = design_again(job.settings, prepared.listing, job.saved, prepared.audit.sizes)
    else:
        found = design(job.settings, prepared.listing, prepared.audit.sizes)
    goal(found.task, job.settings.metric)
    if job.settings.channels_last == "no":
        found.task.backbone.channels_last = ()
    return found


def begin(job: Job, prepared: Prepared, made: Design, placement: Placement) -> None:
    """Writes down what is known before the first step; compares it with what was written when the run began."""
    job.run.clear_leftovers()
    if job.saved is not None:
        refuse_other_data(job, prepared)
    data, validation = lasting_origin_of(job.data), lasting_origin_of(job.validation_data)
    known = data is not None and (validation is not None or job.validation_data is None)
    values = {
        "data": data if known else None,
        "validation_data": validation if known else None,
        "command": command_of(data if known and validation is None else None, job.settings),
        "begun": job.saved["begun"] if job.saved else datetime.now().astimezone().isoformat(timespec="seconds"),
        "settings": kept_settings(job.settings),
        "excluded": sorted(() if job.settings.exclude is None else names_in(job.settings.exclude)),
        "start": made.start,
        "plan": made.recipe.plan.to_json(),
        "batch_size": made.recipe.batch_size,
        "train_size": made.train_size,
        "pixels": [str(part) for part in made.recipe.pixels],
        "card": made.card.to_json(),
        "task": {"name": made.task.name, **made.task.config()},
        "choice": job.timed.reason if job.timed else (job.saved or {}).get("choice"),
        "placement": placement.to_json(),
        "frozen_views": job.views,
        "kept_side": job.side,
    }
    write_down(prepared, job.run, mending(job.data, job.settings, prepared.listing))
    write_page(job.run.audit_page, prepared.read, prepared.audit, job.data, job.settings)
    write_json(job.run.environment, environment())
    write_json(job.run.settings, values)  # last: where it stands, the run has begun and can go on


def refuse_other_data(job: Job, prepared: Prepared) -> None:
    """InputError where images, labels, splits or the contents of files are not those the run began with."""
    if job.run.read_json(job.run.data).get("fingerprint") != prepared.fingerprint:
        raise InputError(
            f"The data is not that which {job.run.path} was begun with: images, labels or splits differ "
            f"(compare with {job.run.split}). Restore it, or begin a new run."
        )
    refuse_other_contents(job.run, prepared.listing, prepared.digests)


def run_training(job: Job, prepared: Prepared, made: Design, placement: Placement, voice: Voice) -> Outcome:
    """The training itself, to its end or until it is stopped from outside."""
    team, console, interrupt = voice.team, voice.console, voice.interrupt
    card, recipe, settings = made.card, made.recipe, job.settings
    measure, notes, journal = preparation(card.input), Notes(), Journal(job.run.path)
    tell_plan(made, placement, job, console)
    primary, higher_is_better = goal(made.task, settings.metric)
    together = synchronised(made.task) if settings.sync_norm and team.ranks.world > 1 else nullcontext()
    keeping = ()
    if settings.wise is not None:
        keeping = (KeepsStart(made.task, recipe.plan.frozen_epochs, start_file(job.run)),)
    reading = sources(job, prepared, made, placement, team.ranks, notes)
    with interrupt, together, explained(job.run.path, team.ranks), reading as source:
        validation, maps = source.validation, source.maps
        watched = interrupt.watching(validation) if team.ranks.world == 1 else validation  # none leaves the others

        def judge(task: Task) -> dict[str, float]:
            counter = counted(task, watched, placement, measure) if len(watched) else task.metrics()
            found = team.figures(counter)
            if team.first and len(watched):
                journal.add(class_values(counter, len(prepared.listing.classes)))
            return found

        parts = TrainParts(
            prepare=preparation(card.input, recipe),
            resize=resizing(recipe),
            directory=job.run.checkpoints,
            evaluate=judge,
            primary=primary,
            higher_is_better=higher_is_better,
            tie=TIE,
            observers=(Progress(console), journal, *keeping, *voice.watchers) if team.first else (),
            interrupt=interrupt,
            notes=notes,
            non_finite=settings.non_finite,
            pace=job.timed.deadline(prepared.listing) if job.timed and team.first else Unhurried(),
            checkpoint_minutes=settings.checkpoint_minutes,
            keep=settings.keep,
            sampled=sampled,
            begins=None if maps is None else maps.prefix.begin,
            about={"settings": json.loads(json.dumps(kept_settings(settings), default=str))},
        )
        going_on, batches = job.saved is not None, source.training
        outcome = train(made.task, batches, recipe.plan, placement, parts=parts, resume=going_on, team=team)
    return outcome if maps is None else maps.told_in(outcome, console)

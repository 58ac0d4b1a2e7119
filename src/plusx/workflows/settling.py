"""One call of `fit`, settled before anything is read: which run, on what, with which settings."""

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from plusx.core.errors import InputError, foreign
from plusx.workflows.clock import Clock
from plusx.workflows.directory import RunDirectory, place_for
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.options import settings_from
from plusx.workflows.origin import name_of, refuse_inside
from plusx.workflows.preparation import Prepared
from plusx.workflows.resuming import PLACING, changes_between, nothing_left, refuse_changes, refuse_fewer_epochs
from plusx.workflows.run import open_run
from plusx.workflows.starting import check_start
from plusx.workflows.time_limit import Timed, choose
from plusx.workflows.values import Spell

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
    changes: tuple[str, ...] = ()  # of its settings, with the rule by which each is taken up
    views: int = 0  # in which what comes out of stages that stay is kept
    side: int = 0  # of decoded images that are kept, in pixels
    moved: bool = False  # whether what it computes on, or how, was asked for anew
    spell: Spell = str


def absolute(settings: FitSettings) -> FitSettings:
    """With whole paths, so that the run can go on from any directory; a run directory as weights is its model file."""
    changes: dict[str, Any] = {
        name: path.resolve() for name in ("exclude", "weights_dir") if (path := getattr(settings, name))
    }
    if settings.weights is not None:
        file = Path(settings.weights).expanduser()
        file = RunDirectory(file).model if file.is_dir() else file
        if file.is_file():
            changes["weights"] = str(file.resolve())
    return replace(settings, **changes)


def settle(data: Any, validation_data: Any, values: Mapping[str, Any], spell: Spell) -> Job:
    """A new run directory, or that of the run to go on with and the settings it began with."""
    settings, given = absolute(settings_from(FitSettings, values, spell)), frozenset(values)
    if settings.resume == "auto":
        settings, given = run_in_out(settings, given, spell)
    if settings.resume is not None:
        return settle_resumed(data, validation_data, settings, given, spell)
    if settings.overwrite and settings.out is None:
        log.warning("overwrite has no effect without out: a new directory below runs/ is taken")
    if data is None:
        raise InputError("No data was given. Name a folder, a table, or a run to go on with: plusx fit DATA")
    check_start(settings)
    run = place_for(settings.out, settings.overwrite, run_name(data, settings.model))
    for source in (data, validation_data):
        refuse_inside(source, run.path, "Give another place with --out.")
    return Job(data, validation_data, settings, run, spell=spell)


def settle_resumed(data: Any, validation_data: Any, settings: FitSettings, given: frozenset[str], spell: Spell) -> Job:
    """As `settle`, for the run named by `resume`. given: the names of the settings that the user wrote."""
    assert isinstance(settings.resume, Path)
    run, saved = open_run(settings.resume)
    if "soup" in saved:
        raise InputError(f"{run.path} was made of other runs by plusx soup: it has no training to go on with.")
    before = settings_from(FitSettings, saved["settings"])
    with foreign(lambda reason: InputError(f"{run.settings} is damaged: it has no plan with epochs ({reason}).")):
        planned = before.epochs or int(saved["plan"]["epochs"])
    epochs = settings.epochs or planned
    changes = changes_between(replace(before, epochs=planned), settings, given)
    refuse_changes(changes, spell)
    refuse_fewer_epochs(run, epochs, spell)
    goes_on = replace(before, resume=settings.resume, **{change.name: change.after for change in changes})
    if data is None and saved["data"] is None:
        raise InputError(f"{run.path} was trained on data in memory; give the same data again to go on with it")
    if data is None and validation_data is None:
        validation_data = saved.get("validation_data")
    names = {change.name for change in changes}
    if "patience" not in names and (text := nothing_left(run, epochs)) is not None:
        log.warning(text)
    told, moved = tuple(change.told(spell) for change in changes), not names.isdisjoint(PLACING)
    data = data if data is not None else saved["data"]
    return Job(data, validation_data, goes_on, run, saved, changes=told, moved=moved, spell=spell)


def run_in_out(settings: FitSettings, given: frozenset[str], spell: Spell) -> tuple[FitSettings, frozenset[str]]:
    """`resume` auto: the run in `out` where it holds one, so that a scheduler may give the same line again."""
    if settings.out is None:
        raise InputError(f"{spell('resume')} auto looks for the run in {spell('out')}: say which directory that is.")
    if settings.overwrite:
        raise InputError(
            f"{spell('resume')} auto goes on with a run and {spell('overwrite')} takes it away: leave one of them out."
        )
    begun = RunDirectory(settings.out).settings.is_file()
    return replace(settings, resume=settings.out if begun else None), given - {"resume", "out"}


def run_name(data: Any, model: str) -> str:
    """The data's name and the model's."""
    return f"{name_of(data) or 'arrays'}-{model}"


def timed(job: Job, prepared: Prepared, given: frozenset[str], began: float) -> Job:
    """With the network, its input and the epochs that fit into the time limit, where a new run has one."""
    if job.saved is not None or job.settings.time_limit is None:
        return job
    found = choose(job.settings, prepared, given, Clock(began, job.settings.time_limit))
    run = job.run if found.settings.out else place_for(None, False, run_name(job.data, found.settings.model))
    return replace(job, settings=found.settings, run=run, timed=found)


def kept_settings(settings: FitSettings) -> dict[str, Any]:
    """What is written down of them: all but that the run went on."""
    return {name: value for name, value in asdict(settings).items() if name != "resume"}

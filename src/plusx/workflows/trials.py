"""One trial of a search: a run of fit on data that were read already, whose epochs are told to the study."""

import math
import shlex
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from plusx.core.errors import NonFiniteLossError
from plusx.engine.interrupt import Interrupt, Terminated
from plusx.engine.observer import EpochInfo, Silent
from plusx.engine.placement import Placement
from plusx.engine.team import ALONE
from plusx.workflows.building import Design, design
from plusx.workflows.directory import RunDirectory, create, held
from plusx.workflows.fit import Voice, begin, run_training
from plusx.workflows.keeping import with_kept
from plusx.workflows.placing import settle_placement
from plusx.workflows.preparation import Prepared
from plusx.workflows.search_space import Parameter, rounded
from plusx.workflows.settling import Job
from plusx.workflows.study import DIRECTORY, REASON, SURPLUS, import_optuna, is_surplus, suggest
from plusx.workflows.time_limit import Timed

if TYPE_CHECKING:
    from optuna.trial import Trial


class SurplusError(Exception):
    """A trial beyond the budget: another worker has begun the last one."""


@dataclass(frozen=True)
class Search:
    """What all trials have in common. job: with the settings that are not searched. budget: trials of all workers."""

    job: Job
    prepared: Prepared
    space: tuple[Parameter, ...]
    directory: Path
    maximise: bool
    budget: int | None
    timed: Timed | None
    placements: dict[str, Placement]  # by model; filled as they are measured
    elsewhere: bool = False  # whether the store is one that the user named

    @property
    def command(self) -> str:
        """That goes on with it. The address of a store may hold a password, and is not shown."""
        again = f"plusx tune --resume {shlex.quote(str(self.directory))}"
        return f"{again}, and --storage as before" if self.elsewhere else again

    def settings_of(self, parameters: dict[str, Any]) -> Any:
        return replace(self.job.settings, **parameters)

    def run_of(self, number: int) -> RunDirectory:
        return RunDirectory(self.directory / "trials" / f"{number:04}")


class Teller(Silent):
    """Reports each epoch's metric; ends a trial that is behind the others."""

    def __init__(self, trial: "Trial") -> None:
        self._trial = trial

    def on_epoch(self, info: EpochInfo) -> None:
        value = info.values[f"val/{info.primary}"]
        if math.isnan(value):
            return
        self._trial.report(value, info.epoch)
        if self._trial.should_prune():
            self._trial.set_user_attr(REASON, f"stopped after epoch {info.epoch}, below the median of the others")
            raise import_optuna().TrialPruned


def attempt(search: Search, trial: "Trial") -> float:
    """Trains what the trial suggests; returns the best epoch's metric."""
    if is_surplus(trial.study, trial.number, search.budget):
        trial.set_user_attr(SURPLUS, True)
        raise SurplusError
    parameters = rounded(suggest(trial, search.space))
    trial.set_user_attr("parameters", parameters)
    settings = search.settings_of(parameters)
    timed = None if search.timed is None else replace(search.timed, settings=settings)
    job = replace(search.job, settings=settings, run=search.run_of(trial.number), timed=timed)
    made = design(settings, search.prepared.listing, search.prepared.audit.sizes)
    placement = placement_for(search, job, made)
    job = with_kept(replace(job, run=create(job.run)), search.prepared, made, placement)
    trial.set_user_attr(DIRECTORY, str(job.run.path.resolve()))
    interrupt = Interrupt()
    with held(job.run):
        begin(job, search.prepared, made, placement)
        voice = Voice(ALONE, Console(quiet=True), interrupt, (Teller(trial),))
        outcome = run_training(job, search.prepared, made, placement, voice)
    if interrupt.requested or outcome.stopped == "interrupted":
        raise Terminated(str(interrupt)) if interrupt.terminated else KeyboardInterrupt
    if outcome.stopped == "late":
        trial.set_user_attr(REASON, f"stopped after epoch {outcome.epochs_done}: the time was up")
        raise import_optuna().TrialPruned
    if outcome.best_metric is None:
        raise NonFiniteLossError("The validation metric was not a number in any epoch.")
    return outcome.best_metric


def placement_for(search: Search, job: Job, made: Design) -> Placement:
    """As measured for the first trial of the same network."""
    model = job.settings.model
    if model not in search.placements:
        search.placements[model] = settle_placement(job, made, search.prepared)
    elif job.settings.channels_last == "no":
        made.task.backbone.channels_last = ()
    return search.placements[model]


def drop_checkpoints(run: RunDirectory) -> None:
    """Of a trial that is not the best: its weights would fill the disk."""
    shutil.rmtree(run.checkpoints, ignore_errors=True)

"""tune: a search for the settings that train best, by any number of workers, within a budget of time or trials."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from plusx.core.errors import InputError
from plusx.core.locking import locked
from plusx.engine.interrupt import terminating
from plusx.engine.progress import duration
from plusx.workflows.building import RANDOM, design
from plusx.workflows.clock import Clock, started
from plusx.workflows.fit import read_and_audit
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.preparation import Prepared
from plusx.workflows.run import Run, open_run
from plusx.workflows.scoring import goal
from plusx.workflows.search_space import Known, candidates, search_space
from plusx.workflows.signature import takes
from plusx.workflows.study import Tried, best_of, import_optuna, open_study, quiet, sqlite_url, tried
from plusx.workflows.time_limit import Timed, weigh_ways
from plusx.workflows.trials import Search
from plusx.workflows.tune_call import Call, settled, write_down
from plusx.workflows.tune_settings import TuneSettings
from plusx.workflows.tuning_results import all_failed, command_of_best, finish_best, write_results
from plusx.workflows.worker import lost_trials, work

if TYPE_CHECKING:
    from optuna.study import Study

log = logging.getLogger("plusx")

TRIALS = 20  # where neither trials nor a time limit are given
WANTED = 10  # whole trials that should fit into a time limit: their epochs are cut down to that


@dataclass(frozen=True)
class Tuned:
    """What a search found. It stands for its directory."""

    path: Path
    command: str  # that trains with the best settings
    metric: str
    best: Tried
    trials: tuple[Tried, ...]
    report: Path
    run: Run | None = None  # of the best trial; None where it was not asked for, or other workers are still busy

    def __fspath__(self) -> str:
        return str(self.path)


@takes(TuneSettings)
def tune(data: Any = None, *, validation_data: Any = None, **settings: Any) -> Tuned:
    """Search for the settings with which `data` (folder, table, arrays, data set) is learnt best.

    What is given as in `fit` is kept; the rest of docs/tuning.md's table is searched. `resume=DIR`, or the same call
    again, goes on with a search, also beside workers that are busy with it. Raises what `fit` raises; MissingExtraError
    without Optuna; a PlusxError where every trial failed.
    """
    import_optuna()
    began, console = started(), Console(stderr=True, soft_wrap=True)
    call = settled(data, validation_data, settings)
    prepared = read_and_audit(call.job, console)
    with quiet(), terminating():
        study, search, metric = begin(call, prepared, began, console)
        for note in lost_trials(study, search):
            console.print(note, highlight=False)
        work(study, search, console)
        return ended(study, search, metric, finishing=call.options.finish, console=console)


def begin(call: Call, prepared: Prepared, began: float, console: Console) -> tuple["Study", Search, str]:
    """The study, all that its trials share, and the metric; writes tune.json where the search is new."""
    options, models = call.options, candidates(call.options, call.given)
    settings = replace(call.job.settings, model=models[0])
    timed = None
    if options.time_limit is not None:
        timed = measured(settings, prepared, Clock(began, options.time_limit))
        settings = timed.settings
    if call.saved is not None:  # only trials of as many epochs can be compared
        settings = replace(settings, epochs=call.saved["epochs"])
    made = design(settings, prepared.listing, prepared.audit.sizes)
    epochs, (primary, higher_is_better) = made.recipe.plan.epochs, goal(made.task, settings.metric)
    space = search_space(Known(prepared.listing.kind, made.recipe, models, made.start != RANDOM), call.given)
    if not space:
        raise InputError("Nothing is left to search: every setting was given. Leave some away, or use plusx fit.")
    write_down(call, prepared, epochs)
    name = f"{call.directory.resolve().name}-{prepared.fingerprint[:12]}"
    url = options.storage or sqlite_url(call.directory / "study.db")
    with locked(call.directory / ".store.lock"):  # two that make the same tables at once would fail
        study = open_study(url, name, space, maximise=higher_is_better, seed=options.seed)
    refuse_forgotten(study, call.directory)
    budget = options.trials or (None if timed else TRIALS)
    job = replace(call.job, settings=replace(settings, epochs=epochs))
    search = Search(job, prepared, space, call.directory, higher_is_better, budget, timed, {}, bool(options.storage))
    announce(search, options, epochs, primary, console)
    return study, search, primary


def announce(search: Search, options: TuneSettings, epochs: int, metric: str, console: Console) -> None:
    """What is about to happen."""
    trials = f"{search.budget} trials" if search.budget else f"trials for {duration(options.time_limit or 0)}"
    searched = ", ".join(one.name for one in search.space)
    console.print(f"{trials} of {epochs} epochs, by {metric}; searched: {searched}", highlight=False)
    console.print(f"directory of the search: {search.directory}", highlight=False)


def refuse_forgotten(study: "Study", directory: Path) -> None:
    """InputError where trials lie in the directory that the store does not know: new ones would replace them."""
    found = any((directory / "trials").iterdir())  # first: the store knows a trial before its directory is made
    if found and not study.get_trials(deepcopy=False):
        raise InputError(
            f"{directory} holds trials of which its store knows nothing. If the search was begun with --storage, say "
            "it again; if the store is lost, give another --out."
        )


def measured(settings: FitSettings, prepared: Prepared, clock: Clock) -> Timed:
    """How many epochs a trial may have for `WANTED` whole ones to fit into the time."""
    rung = weigh_ways(settings, prepared, clock)
    if clock.left <= rung.after:
        least = duration(2 * (clock.limit - clock.left + rung.after))
        raise InputError(f"The time limit leaves no time for trials. Give at least --time-limit {least} here.")
    epochs = settings.epochs or max(rung.least, min(rung.usual, int(rung.fitting / WANTED)))
    timed, fits = replace(settings, epochs=epochs), epochs <= rung.fitting
    return Timed(timed, "a trial of plusx tune", rung.costs, clock, rung.measured, fits)


def ended(study: "Study", search: Search, metric: str, *, finishing: bool, console: Console) -> Tuned:
    """Results and, where no other worker is busy any more, the whole run of the best trial."""
    trials = tried(study)
    best = best_of(trials, maximise=search.maximise)
    if best is None:
        raise all_failed(trials)
    report = write_results(study, search, trials, best, metric)
    busy = [one.number for one in trials if one.state == "running"]
    run = None
    if busy:
        others = ", ".join(map(str, busy))
        console.print(
            f"Other workers are busy with trial {others}: the last of them makes the run of the best. Where there is "
            f"none any more: {search.command}",
            highlight=False,
        )
    elif finishing:
        run = whole_run(search, best, console)
    command = command_of_best(search, best)
    return Tuned(search.directory, command, metric, best, tuple(trials), report, run)


def whole_run(search: Search, best: Tried, console: Console) -> Run:
    """That of the best trial, made where it is not there yet."""
    run = search.run_of(best.number)
    if run.model.is_file() and run.metrics.is_file():
        figures = open_run(run.path)[0].read_json(run.metrics)
        metrics = {name: value for name, value in figures.items() if isinstance(value, float)}
        return Run(run.path, metrics)
    return finish_best(search, best, console)

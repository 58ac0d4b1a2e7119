"""One worker of a search: takes trials until the budget is used up, and says what came of them."""

import gc
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from rich.console import Console

from plusx.core.errors import InterruptedRunError, PlusxError, StorageError
from plusx.core.locking import locked_at_once
from plusx.engine.interrupt import Terminated
from plusx.engine.progress import duration
from plusx.workflows.directory import RunDirectory
from plusx.workflows.study import REASON, Tried, begin_again, best_of, import_optuna, is_left, tried
from plusx.workflows.time_limit import after_training
from plusx.workflows.trials import Search, SurplusError, attempt, drop_checkpoints

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import Trial


class FailedTrialError(Exception):
    """A trial whose settings do not work here; the search goes on."""


def work(study: "Study", search: Search, console: Console) -> None:
    """Trials, one after the other. InterruptedRunError where the user stops them; StorageError ends them all."""
    begun: list[int] = []

    def objective(trial: "Trial") -> float:
        begun.append(trial.number)
        return recorded(search, trial)

    while is_left(study, search.budget) and is_time(study, search):
        try:
            study.optimize(objective, n_trials=1, catch=(FailedTrialError, SurplusError))
        except (KeyboardInterrupt, InterruptedRunError, StorageError) as error:
            if begun:
                begin_again_if_failed(study, begun[-1])
            if isinstance(error, StorageError):
                raise
            raise interrupted(search, error) from None
        tell(tried(study), begun[-1], search, console)


def interrupted(search: Search, error: BaseException) -> InterruptedRunError:
    """How a search that was stopped goes on."""
    terminated = isinstance(error, Terminated) or getattr(error, "terminated", False)
    text = f"Stopped; the trials that are done are kept. Go on with: {search.command}"
    return InterruptedRunError(text, terminated=terminated)


def recorded(search: Search, trial: "Trial") -> float:
    """As `attempt`; why a trial failed is kept beside it."""
    try:
        return attempt(search, trial)
    except (StorageError, InterruptedRunError):
        raise
    except (PlusxError, torch.OutOfMemoryError, MemoryError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        trial.set_user_attr(REASON, reason)
        raise FailedTrialError(reason) from error
    finally:
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def begin_again_if_failed(study: "Study", number: int) -> None:
    """Queues a trial that was broken off."""
    trial = next(one for one in study.get_trials(deepcopy=False) if one.number == number)
    if trial.state.name == "FAIL":
        begin_again(study, trial)


def lost_trials(study: "Study", search: Search) -> list[str]:
    """Ends the trials whose worker on this machine is gone, and queues them again; says so."""
    optuna, notes = import_optuna(), []
    for trial in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
        run = search.run_of(trial.number)
        if run.lock.is_file() and is_free(run.lock):
            study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
            begin_again(study, trial)
            notes.append(f"trial {trial.number} is begun again: its worker is gone")
    return notes


def is_free(lock: Path) -> bool:
    """Whether no process holds it."""
    try:
        with locked_at_once(lock):
            return True
    except OSError:
        return False


def is_time(study: "Study", search: Search) -> bool:
    """Whether half of a whole trial, by those that are done, fits into what is left."""
    if search.timed is None:
        return True
    left = search.timed.clock.left - after_training(search.timed.settings, search.prepared.listing, search.timed.costs)
    done = [one.seconds for one in tried(study) if one.state == "complete"]
    return left > (sum(done) / len(done) / 2 if done else 0.0)


def tell(trials: list[Tried], number: int, search: Search, console: Console) -> None:
    """A line on the trial that has ended; of all but the best the weights go."""
    one = next((trial for trial in trials if trial.number == number), None)
    if one is None:
        return
    best = best_of(trials, maximise=search.maximise)
    console.print(line(one, best), highlight=False, markup=False)
    for other in trials:
        if other.state in ("complete", "pruned", "fail") and other is not best and other.directory is not None:
            drop_checkpoints(RunDirectory(Path(other.directory)))


def line(one: Tried, best: Tried | None) -> str:
    """What came of a trial."""
    mark = " (best)" if best is not None and best.number == one.number else ""
    value = f"{one.value:.4g}{mark}" if one.value is not None else "no result"
    said = {"complete": value, "pruned": f"{value}, {one.reason}", "fail": f"failed: {one.reason}"}.get(
        one.state, one.state
    )
    values = ", ".join(f"{name} {setting}" for name, setting in one.parameters.items())
    return f"trial {one.number}: {said}; {values}; {duration(one.seconds)}"

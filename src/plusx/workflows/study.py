"""The store of a search, which any number of workers share: who tries what, and what came of it. Optuna keeps it.

Sampler: TPE over all settings jointly (Bergstra et al. 2011; Falkner et al. 2018 for the joint form), which is made for
few dozen trials of mixed kinds. Pruner: a trial whose metric is below the median of the others at the same epoch stops
(Golovin et al. 2017, section 3.2.2). Hyperband would split the same few trials over several brackets.
"""

import contextlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from plusx.core.errors import InputError, MissingExtraError
from plusx.workflows.search_space import Parameter, usual

if TYPE_CHECKING:
    import optuna
    from optuna.study import Study
    from optuna.trial import FrozenTrial, Trial

HEARTBEAT, GRACE = 10, 120  # seconds: a sign of life, and without one how long a worker counts as alive
LIVES = 3  # times that a trial is begun, whose workers die
HOPELESS = 10  # trials that all failed, after which no other is begun
STARTUP = 6  # trials drawn at random before TPE models them
UNPRUNED = 4  # trials that run to their end before any is stopped
AGAIN, SURPLUS, REASON, DIRECTORY = "again", "surplus", "reason", "directory"


def import_optuna() -> ModuleType:
    """MissingExtraError where it is not installed."""
    try:
        import optuna
    except ImportError as error:
        raise MissingExtraError("Optuna", "tune", "plusx tune") from error
    return optuna


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Optuna says nothing: plusx says it in its own words."""
    optuna = import_optuna()
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(level)


def sqlite_url(path: Path) -> str:
    """Whatever letters the path has."""
    from sqlalchemy.engine import URL

    return URL.create("sqlite", database=str(path.absolute())).render_as_string(hide_password=False)


def open_study(url: str, name: str, space: Sequence[Parameter], *, maximise: bool, seed: int) -> "Study":
    """The study of that name, made where there is none. InputError where the store cannot be reached."""
    optuna = import_optuna()
    waits = {"connect_args": {"timeout": 60}} if url.startswith("sqlite") else {}
    try:
        storage = optuna.storages.RDBStorage(
            url,
            engine_kwargs=waits,
            heartbeat_interval=HEARTBEAT,
            grace_period=GRACE,
            heartbeat_stale_trial_callback=begin_again,
        )
        return optuna.create_study(
            storage=storage,
            study_name=name,
            sampler=sampler(space, seed),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=UNPRUNED, n_warmup_steps=1),
            direction="maximize" if maximise else "minimize",
            load_if_exists=True,
        )
    except ImportError as error:
        raise InputError(f"--storage {_shown(url)}: its driver is not installed ({error}).") from error
    except Exception as error:  # of any database's driver
        raise InputError(f"--storage {_shown(url)} cannot be used: {str(error).splitlines()[0]}") from error


def _shown(url: str) -> str:
    """Without a password."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def sampler(space: Sequence[Parameter], seed: int) -> "optuna.samplers.BaseSampler":
    """TPE, seeded by the trial's number: workers never draw alike, and a search that goes on draws as if it had never
    stopped. The first trial is the recipe itself."""
    optuna, first = import_optuna(), usual(space)

    class Numbered(optuna.samplers.BaseSampler):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            self._inner: Any = None

        def before_trial(self, study: "Study", trial: "FrozenTrial") -> None:
            self._inner = optuna.samplers.TPESampler(
                seed=seed * 100_003 + trial.number, multivariate=True, n_startup_trials=STARTUP
            )

        def infer_relative_search_space(self, study: "Study", trial: "FrozenTrial") -> dict[str, Any]:
            return {} if trial.number == 0 else self._inner.infer_relative_search_space(study, trial)

        def sample_relative(self, study: "Study", trial: "FrozenTrial", search_space: dict[str, Any]) -> dict[str, Any]:
            return {} if trial.number == 0 else self._inner.sample_relative(study, trial, search_space)

        def sample_independent(self, study: "Study", trial: "FrozenTrial", param_name: str, dist: Any) -> Any:
            if trial.number == 0 and param_name in first:
                return first[param_name]
            return self._inner.sample_independent(study, trial, param_name, dist)

    return Numbered()


def suggest(trial: "Trial", space: Sequence[Parameter]) -> dict[str, Any]:
    """A value for every parameter."""
    values: dict[str, Any] = {}
    for one in space:
        if one.scale == "choice":
            values[one.name] = trial.suggest_categorical(one.name, one.values)
        else:
            values[one.name] = trial.suggest_float(one.name, *one.values, log=one.scale == "logarithmic")
    return values


def begin_again(study: "Study", trial: "FrozenTrial") -> None:
    """Queues what `trial`, whose worker is gone, was to try, unless it has taken `LIVES` workers with it."""
    lives = int(trial.user_attrs.get("lives", 1)) + 1
    if lives > LIVES:
        return
    optuna = import_optuna()
    study.add_trial(
        optuna.trial.create_trial(
            state=optuna.trial.TrialState.WAITING,
            params=trial.params,
            distributions=trial.distributions,
            user_attrs={AGAIN: trial.number, "lives": lives},
        )
    )


@dataclass(frozen=True)
class Tried:
    """A trial in plain values. `state`: complete, pruned, fail, running or waiting; `value`: its best metric."""

    number: int
    state: str
    value: float | None
    parameters: dict[str, Any]
    epochs: dict[int, float]
    reason: str
    directory: str | None
    seconds: float


def tried(study: "Study") -> list[Tried]:
    """All that count: not those that were begun again, and none beyond the budget."""
    trials = study.get_trials(deepcopy=False)
    again = {trial.user_attrs[AGAIN] for trial in trials if AGAIN in trial.user_attrs}
    counted = (one for one in trials if one.number not in again and SURPLUS not in one.user_attrs)
    return [_plain(one) for one in counted]


def _plain(trial: "FrozenTrial") -> Tried:
    attributes, state = trial.user_attrs, trial.state.name.lower()
    reason = attributes.get(REASON, "its worker is gone" if state == "fail" else "")
    seconds = trial.duration.total_seconds() if trial.duration is not None else 0.0
    parameters = attributes.get("parameters", trial.params)
    epochs = dict(trial.intermediate_values)
    return Tried(trial.number, state, trial.value, parameters, epochs, reason, attributes.get(DIRECTORY), seconds)


def best_of(trials: Sequence[Tried], *, maximise: bool) -> Tried | None:
    """The best that was not stopped; None where none was."""
    done = [one for one in trials if one.state == "complete" and one.value is not None]
    key: Callable[[Tried], float] = lambda one: one.value or 0.0  # noqa: E731
    return (max if maximise else min)(done, key=key, default=None)


def is_surplus(study: "Study", number: int, budget: int | None) -> bool:
    """Whether a trial that was just begun is one too many: numbers are given to one worker each."""
    return budget is not None and sum(one.number < number for one in tried(study)) >= budget


def is_left(study: "Study", budget: int | None) -> bool:
    """Whether there is a trial to begin, and hope: without a budget it would fail until the time is up."""
    trials = tried(study)
    if len(trials) >= HOPELESS and all(one.state == "fail" for one in trials):
        return False
    return budget is None or len(trials) < budget or any(one.state == "waiting" for one in trials)

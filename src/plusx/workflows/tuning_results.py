"""The end of a search: the best trial as a whole run, the command line that makes it again, files and report."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from plusx.core.errors import PlusxError
from plusx.core.storage import write_text
from plusx.engine import checkpoint
from plusx.engine.interrupt import Interrupt
from plusx.engine.team import ALONE
from plusx.report.tuning import write_tuning
from plusx.report.tuning_charts import Trial, Tuning
from plusx.workflows.command import command_of
from plusx.workflows.directory import RunDirectory, create, held, write_json
from plusx.workflows.finishing import finish
from plusx.workflows.fit import Voice, begin, run_training, settle_design
from plusx.workflows.keeping import with_kept
from plusx.workflows.origin import lasting_origin_of
from plusx.workflows.placing import settle_placement
from plusx.workflows.run import Run
from plusx.workflows.study import Tried, import_optuna
from plusx.workflows.trials import Search

if TYPE_CHECKING:
    from optuna.study import Study

RESULTS, TABLE, REPORT = "results.json", "trials.csv", "report.html"
ENOUGH = 4  # whole trials from which on importances are worth the name


def command_of_best(search: Search, best: Tried) -> str:
    """To paste: `plusx fit` with the settings of the best trial."""
    settings = search.settings_of(best.parameters)
    return command_of(lasting_origin_of(search.job.data) if search.job.validation_data is None else None, settings)


def all_failed(trials: Sequence[Tried]) -> PlusxError:
    """What to say where no trial came to its end."""
    reasons = list(dict.fromkeys(one.reason for one in trials if one.reason)) or ["none was begun"]
    shown = "\n".join(f"- {reason}" for reason in reasons[:5])
    return PlusxError(f"None of {len(trials)} trials came to its end, so there is no best one:\n{shown}")


def finish_best(search: Search, best: Tried, console: Console) -> Run:
    """Its run with model file, exported file and report; trained anew where its weights are elsewhere."""
    run = search.run_of(best.number)
    kept = run.settings.is_file() and checkpoint.exists(run.checkpoints)
    saved = run.read_json(run.settings) if kept else None
    settings = search.settings_of(best.parameters)
    job = replace(search.job, settings=settings, run=run, saved=saved, timed=None)
    if not kept:
        job = replace(job, run=create(RunDirectory(search.directory / "best"), overwrite=True))
        console.print("the weights of the best trial are not here: it is trained again", highlight=False)
    made = settle_design(job, search.prepared)
    placement = settle_placement(job, made, search.prepared)
    job = with_kept(job, search.prepared, made, placement)
    with held(job.run):
        begin(job, search.prepared, made, placement)
        voice = Voice(ALONE, Console(quiet=True) if kept else console, Interrupt())
        outcome = run_training(job, search.prepared, made, placement, voice)
        return finish(job.run, search.prepared, made, placement, outcome, settings)


def write_results(study: "Study", search: Search, trials: Sequence[Tried], best: Tried, metric: str) -> Path:
    """results.json, trials.csv and report.html; returns the last."""
    directory, command = search.directory, command_of_best(search, best)
    write_json(
        directory / RESULTS,
        {
            "metric": metric,
            "best": best.number,
            "value": best.value,
            "command": command,
            "trials": list(map(asdict, trials)),
        },
    )
    write_text(directory / TABLE, table(trials, search))
    facts = Tuning(
        title=directory.resolve().name,
        created=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M"),
        metric=metric,
        higher_is_better=search.maximise,
        command=command,
        best=best.number,
        trials=tuple(shown(one) for one in trials),
        scales={one.name: one.scale for one in search.space},
        importances=importances(study, trials),
    )
    write_tuning(directory / REPORT, facts)
    return directory / REPORT


def shown(one: Tried) -> Trial:
    """In the report's own terms."""
    return Trial(one.number, one.state, one.value, one.parameters, one.epochs, one.reason, one.seconds)


def table(trials: Sequence[Tried], search: Search) -> str:
    """A row a trial."""
    names = [one.name for one in search.space]
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["trial", "state", "value", "epochs", "seconds", *names, "reason"])
    for one in trials:
        values: list[Any] = [one.parameters.get(name, "") for name in names]
        value = "" if one.value is None else one.value
        writer.writerow([one.number, one.state, value, len(one.epochs), round(one.seconds, 1), *values, one.reason])
    return buffer.getvalue()


def importances(study: "Study", trials: Sequence[Tried]) -> dict[str, float]:
    """Of each setting, as shares; empty where too few trials are whole, or all are equally good."""
    whole = [one.value for one in trials if one.state == "complete"]
    if len(whole) < ENOUGH or len(set(whole)) < 2:
        return {}
    optuna = import_optuna()
    return dict(
        optuna.importance.get_param_importances(study, evaluator=optuna.importance.PedAnovaImportanceEvaluator())
    )

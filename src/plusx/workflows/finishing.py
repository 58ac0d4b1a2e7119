"""The end of a run: measure the best weights, write the model file, the exported file and the report."""

from dataclasses import replace
from pathlib import Path

from plusx.core.card import Card
from plusx.core.errors import DisagreementError
from plusx.core.sample import Listing
from plusx.core.task import Task
from plusx.engine.device import Placement
from plusx.engine.parts import Outcome
from plusx.report.page import write_report
from plusx.weights.modelfile import save_model
from plusx.workflows.building import Design
from plusx.workflows.contents import contents
from plusx.workflows.directory import RunDirectory, write_json
from plusx.workflows.examples import examples
from plusx.workflows.export import export_and_compare
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.last_touches import Finish, last_touches
from plusx.workflows.measuring import Results, figures, measure
from plusx.workflows.mistakes import worst_mistakes
from plusx.workflows.options import changed_from_default
from plusx.workflows.preparation import Prepared
from plusx.workflows.reporting import gather
from plusx.workflows.run import Run
from plusx.workflows.understanding import measure_training


def finish(
    run: RunDirectory,
    prepared: Prepared,
    made: Design,
    placement: Placement,
    outcome: Outcome,
    settings: FitSettings,
) -> Run:
    """Everything that a finished run leaves behind. The model file is written before anything that may fail.

    DisagreementError where the exported file does not give the model's results; the report says so then.
    """
    listing = prepared.listing
    outcome = last_touches(run, Finish(made, listing, placement, settings), outcome)
    measured = measure(made.task, made.card, listing, "val", placement, workers=settings.workers)
    card = replace(made.card, metrics=measured.metrics)
    leave_model(run, prepared, made, card)
    test = measure(made.task, card, listing, "test", placement, workers=settings.workers) if has_test(listing) else None
    training = measure_training(made.task, card, listing, placement, settings.workers)
    task = made.task.cpu()
    agreement, disagreement = compared(task, card, run.onnx, listing) if settings.export else (None, None)
    said = None if disagreement is None else str(disagreement)
    results = Results(outcome, measured, test, agreement, said, training)
    write_json(run.metrics, figures(results))
    facts = gather(run, prepared, made, results)
    mistakes = [] if measured.collected is None else worst_mistakes(task, measured.collected, listing, "val")
    shown = vars(examples(task, card, measured.details.images, listing, "val")) if task.dense else {}
    write_report(run.report, replace(facts, mistakes=mistakes, settings=changed_from_default(settings), **shown))
    if disagreement is not None:
        raise disagreement
    return Run(run.path, measured.metrics, outcome.history, agreement, test.metrics if test else {})


def leave_model(run: RunDirectory, prepared: Prepared, made: Design, card: Card) -> None:
    """The model file. What was made from earlier weights goes first (exported files, figures, report): no moment leaves
    it beside a model that it disagrees with.
    """
    for file in (*run.exported, run.metrics, run.report):
        file.unlink(missing_ok=True)
    extra = {
        "fingerprint": prepared.fingerprint,
        "contents": contents(prepared.digests),
        "start": made.start,
        "kind": prepared.listing.kind,
    }
    save_model(run.model, made.task.cpu(), card, extra)


def has_test(listing: Listing) -> bool:
    """Whether the data bring images that nothing was chosen by."""
    return bool(listing.splits.get("test"))


def compared(task: Task, card: Card, out: Path, listing: Listing) -> tuple[str | None, DisagreementError | None]:
    """The exported file: how it agrees with the model, or else the error."""
    try:
        return str(export_and_compare(task, card, out, listing.splits["val"])), None
    except DisagreementError as error:
        return None, error

"""The end of a run: measure the best weights, write the model file, the exported file and the report."""

import shlex
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from plusx.core.errors import DisagreementError
from plusx.engine.device import Placement
from plusx.engine.parts import Outcome
from plusx.report.facts import Facts, Snippet
from plusx.report.page import write_report
from plusx.weights.modelfile import save_model
from plusx.workflows.building import Design, describe
from plusx.workflows.contents import contents
from plusx.workflows.directory import RunDirectory, write_json
from plusx.workflows.export import export_and_compare
from plusx.workflows.measuring import Measured, measure
from plusx.workflows.mistakes import worst_mistakes
from plusx.workflows.preparation import Prepared
from plusx.workflows.run import Run
from plusx.workflows.settings import FitSettings, changed_from_default


def finish(
    run: RunDirectory,
    prepared: Prepared,
    made: Design,
    placement: Placement,
    outcome: Outcome,
    settings: FitSettings,
) -> Run:
    """Everything that a finished run leaves behind. The model file is written before anything that may fail.

    Files exported from earlier weights go first: no moment leaves them beside a model that they disagree with.
    DisagreementError where the exported file does not give the model's results; the report says so then.
    """
    measured = measure(made.task, made.card, prepared.listing, "val", placement, workers=settings.workers)
    card = replace(made.card, metrics=measured.metrics)
    task = made.task.cpu()
    extra = {
        "fingerprint": prepared.fingerprint,
        "contents": contents(prepared.digests),
        "start": made.start,
        "kind": prepared.listing.kind,
    }
    for file in run.exported:
        file.unlink(missing_ok=True)
    save_model(run.model, task, card, extra)
    write_json(run.metrics, {"best_epoch": outcome.best_epoch, "stopped": outcome.stopped, **measured.metrics})
    agreement, disagreement = None, None
    if settings.export:
        try:
            agreement = str(export_and_compare(task, card, run.onnx, prepared.listing.splits["val"]))
        except DisagreementError as error:
            disagreement = error
    facts = gather(run, prepared, made, outcome, measured, str(disagreement) if disagreement else agreement)
    mistakes = worst_mistakes(task, measured.collected, prepared.listing, "val")
    write_report(run.report, replace(facts, mistakes=mistakes, settings=changed_from_default(settings)))
    if disagreement is not None:
        raise disagreement
    return Run(run.path, measured.metrics, outcome.history, agreement)


def gather(
    run: RunDirectory,
    prepared: Prepared,
    made: Design,
    outcome: Outcome,
    measured: Measured,
    agreement: str | None,
) -> Facts:
    """The facts of the report."""
    saved = run.read_json(run.settings)
    counter = made.task.metrics()
    listing = prepared.listing
    return Facts(
        title=run.path.resolve().name,
        trained=f"{made.card.architecture}, started from {made.start}, learned to tell {describe(listing)}",
        created=saved["begun"],
        command=saved["command"],
        primary=counter.primary,
        metrics=measured.metrics,
        higher_is_better=counter.higher_is_better,
        scored_on=f"{len(listing.splits['val'])} validation images",
        best_epoch=outcome.best_epoch or None,
        history=[chart_names(values) for values in outcome.history],
        details=measured.details,
        findings=[dict(finding) for finding in prepared.audit.to_json()["findings"]],
        audited_files=prepared.audit.files,
        agreement=agreement,
        usage=usage(run),
        card=made.card.to_json(),
        environment=run.read_json(run.environment),
        notes=listing.notes,
    )


CHART_NAMES = {
    "train/rate": "learning_rate",
    "train/seconds": "seconds",
    "train/images_per_second": "images_per_second",
    "train/loss": "loss",
}


def chart_names(values: Mapping[str, float]) -> dict[str, Any]:
    """An epoch of the engine's history under the names that the report knows."""
    renamed = {}
    for name, value in values.items():
        plain = name.removeprefix("val/").replace("train/", "loss/")
        renamed[CHART_NAMES.get(name, plain)] = value
    renamed.pop("step", None)
    return renamed


def usage(run: RunDirectory) -> list[Snippet]:
    """Lines that work on this run as they stand."""
    path = shlex.quote(str(run.path))
    return [
        Snippet("shell", f"plusx predict {path} photo.jpg\nplusx evaluate {path} DATA\nplusx export {path} --to onnx"),
        Snippet(
            "Python", f'import plusx\n\nmodel = plusx.load({str(run.path)!r})\nprint(model.predict("photo.jpg")[0])'
        ),
    ]

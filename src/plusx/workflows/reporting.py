"""What the report tells of a run: gathered from its parts, in the report's own terms."""

import shlex
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from plusx.core.sample import Listing
from plusx.report.facts import Facts, Snippet
from plusx.report.words import metric_name
from plusx.workflows.building import Design, describe
from plusx.workflows.directory import RunDirectory
from plusx.workflows.measuring import Results
from plusx.workflows.preparation import Prepared
from plusx.workflows.understanding import understood

CHART_NAMES = {
    "train/rate": "learning_rate",
    "train/seconds": "seconds",
    "train/images_per_second": "images_per_second",
    "train/loss": "loss",
}


PUBLISHED = ("source", "permissive")
"""What a card says of published weights only."""


def gather(run: RunDirectory, prepared: Prepared, made: Design, results: Results) -> Facts:
    """The facts of the report, but for settings and mistakes."""
    saved, listing = run.read_json(run.settings), prepared.listing
    return Facts(
        title=run.path.resolve().name,
        trained=f"{made.card.architecture}, started from {made.start}, trained to answer with {describe(listing)}",
        created=datetime.fromisoformat(saved["begun"]).strftime("%Y-%m-%d %H:%M"),
        command=saved["command"],
        findings=[dict(finding) for finding in prepared.audit.to_json()["findings"]],
        audited_files=prepared.audit.files,
        audit_page=run.audit_page.name,
        usage=usage(run, dense=made.task.dense),
        card={key: value for key, value in made.card.to_json().items() if key not in PUBLISHED},
        plan=planned(saved),
        environment=run.read_json(run.environment),
        happened=[
            (f"epoch {note['epoch']}, after step {note['step']}", note["text"]) for note in results.outcome.notes
        ],
        notes=[*chosen(saved), *listing.notes, *undefined(results)],
        **scores(made, listing, results),
        **understood(run, listing, results),
    )


def planned(saved: Mapping[str, Any]) -> dict[str, Any]:
    """What decides the training, without what is left out or switched off."""
    values = {"batch_size": saved["batch_size"], **saved["plan"], "pixels": saved.get("pixels")}
    return {name: value for name, value in values.items() if value is not None and value is not False}


def chosen(saved: Mapping[str, Any]) -> list[str]:
    """What a time limit made of the settings."""
    choice = saved.get("choice")
    return [] if choice is None else [f"Chosen for the time limit: {choice}."]


def scores(made: Design, listing: Listing, results: Results) -> dict[str, Any]:
    """The facts that are figures, by the names of their fields."""
    counter, outcome = made.task.metrics(), results.outcome
    values: dict[str, Any] = {
        "primary": counter.primary,
        "metrics": results.validation.metrics,
        "higher_is_better": counter.higher_is_better,
        "scored_on": images(listing, "val", "validation"),
        "best_epoch": outcome.best_epoch or None,
        "history": [chart_names(epoch) for epoch in outcome.history],
        "details": results.validation.details,
        "disagreement": results.disagreement,
    }
    if results.agreement is not None:
        values["agreement"] = f"The exported file gives the model's answers on validation images: {results.agreement}"
    if results.test is not None:
        values |= {"test_metrics": results.test.metrics, "tested_on": images(listing, "test", "test")}
    return values


def images(listing: Listing, split: str, word: str) -> str:
    """How many, in words."""
    count = len(listing.splits[split])
    return f"{count} {word} image{'s' if count != 1 else ''}"


def chart_names(values: Mapping[str, float]) -> dict[str, Any]:
    """An epoch of the engine's history under the names that the report knows."""
    renamed = {}
    for name, value in values.items():
        plain = name.removeprefix("val/").replace("train/", "loss/")
        renamed[CHART_NAMES.get(name, plain)] = value
    renamed.pop("step", None)
    return renamed


def undefined(results: Results) -> list[str]:
    """Metrics that have no value, and why."""
    measured = {"validation": results.validation, "test": results.test}
    details = {split: one.details for split, one in measured.items() if one is not None and one.details.undefined}
    return [
        f"Not defined on the {split} images, since {one.why}: {', '.join(map(metric_name, one.undefined))}."
        for split, one in details.items()
    ]


def usage(run: RunDirectory, *, dense: bool = False) -> list[Snippet]:
    """Lines that work on this run as they stand. dense: predictions have places, and are looked at."""
    path = shlex.quote(str(run.path))
    save, shown = (" --save pictures/", '.plot().save("drawn.png")') if dense else ("", "")
    shell = f"plusx predict {path} photo.jpg{save}\nplusx evaluate {path} DATA\nplusx export {path} --to onnx"
    answer = f'model.predict("photo.jpg")[0]{shown}'
    python = f"import plusx\n\nmodel = plusx.load({str(run.path)!r})\n{answer if dense else f'print({answer})'}"
    return [Snippet("shell", shell), Snippet("Python", python)]

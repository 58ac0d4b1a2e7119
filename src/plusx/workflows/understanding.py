"""How a run trained, for its report: measured steps, classes over the epochs, what it knows by heart, and advice."""

import random
from typing import Any, Final

import torch

from plusx.core.card import Card
from plusx.core.sample import Listing
from plusx.core.task import Task
from plusx.engine.evaluate import Collected
from plusx.engine.journal import read_journal
from plusx.engine.placement import Placement
from plusx.tasks.metrics.ranking import auroc
from plusx.workflows.advice import Evidence, advice
from plusx.workflows.class_curves import curves_of
from plusx.workflows.directory import RunDirectory
from plusx.workflows.measuring import Measured, Results, measure
from plusx.workflows.run_record import history_of

MOST_IMAGES: Final = 500


def measure_training(
    task: Task, card: Card, listing: Listing, placement: Placement, workers: int | None
) -> Measured | None:
    """On training images as they are, as many as validate, at most 500; None of a dense task, where that takes long."""
    train = list(listing.splits["train"])
    count = min(len(train), len(listing.splits["val"]), MOST_IMAGES)
    if task.dense or not count:
        return None
    some = listing.with_splits({"train": random.Random(0).sample(train, count)})
    return measure(task, card, some, "train", placement, workers=workers)


def understood(run: RunDirectory, listing: Listing, results: Results) -> dict[str, Any]:
    """Fields of the report's facts."""
    steps, training = steps_of(run), results.training
    values: dict[str, Any] = {
        "steps": steps,
        "class_curves": curves_of(history_of(run)) if run.curves[0].is_file() else {},
        "advice": advice(evidence(steps, listing, results)),
    }
    if training is not None and training.collected is not None:
        count = len(training.collected.names)
        values |= {"training_metrics": training.metrics, "trained_on": f"{count} training images"}
    return values


def steps_of(run: RunDirectory) -> list[dict[str, float]]:
    """The steps that the journal holds, in order: "step", "loss", "rate" and what was measured."""
    found: dict[int, dict[str, float]] = {}
    for entry in read_journal(run.curves[0]) if run.curves[0].is_file() else ():
        if entry["name"].startswith("step/") and entry["value"] is not None:
            own = found.setdefault(entry["step"], {"step": float(entry["step"])})
            own[entry["name"].removeprefix("step/")] = entry["value"]
    return [found[step] for step in sorted(found)]


def evidence(steps: list[dict[str, float]], listing: Listing, results: Results) -> Evidence:
    """What advice goes by; accuracies of classes alone."""
    outcome, validation, training = results.outcome, results.validation, results.training
    measured = [one for one in steps if any(key.startswith("update/") for key in one)]
    found = Evidence(outcome.history, measured, outcome.best_epoch)
    if listing.kind != "label" or training is None or training.collected is None or validation.collected is None:
        return found
    sureness, wrong = sureness_of(validation.collected)
    supports = [row.support for row in validation.details.classes]
    return Evidence(
        outcome.history,
        measured,
        outcome.best_epoch,
        training=training.metrics["accuracy"],
        validation=validation.metrics["accuracy"],
        trained=len(training.collected.names),
        judged=len(validation.collected.names),
        chance=max(supports) / sum(supports),
        sureness=sureness,
        wrong=wrong,
    )


def sureness_of(collected: Collected) -> tuple[float | None, int]:
    """How often a right answer is surer than a wrong one, None without both; and how many are wrong."""
    assert collected.targets is not None
    sure, answers = torch.softmax(collected.outputs, 1).max(1)
    right = answers == collected.targets
    return auroc(sure, right), int((~right).sum())

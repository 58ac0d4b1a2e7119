"""What a model reaches on one split of a data set."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from plusx.core.card import Card
from plusx.core.details import Details
from plusx.core.sample import Listing
from plusx.core.task import Task
from plusx.engine.device import Placement
from plusx.engine.evaluate import Collected, collect, counted
from plusx.engine.parts import Outcome
from plusx.workflows.loading import measuring_batches, preparation


@dataclass(frozen=True)
class Measured:
    """The task's metrics, the tables behind them, and every answer; None of a dense task, whose are too many."""

    metrics: Mapping[str, float]
    details: Details
    collected: Collected | None


@dataclass(frozen=True)
class Results:
    """What came out of a run. `test`: the same weights on the test split, None where the data have none; it is measured
    when all is trained, and neither the weights nor the best epoch were chosen by it. `agreement`, `disagreement`: how
    the exported file compares with the model, one of them where there is one.
    """

    outcome: Outcome
    validation: Measured
    test: Measured | None = None
    agreement: str | None = None
    disagreement: str | None = None


def figures(results: Results) -> dict[str, Any]:
    """The content of metrics.json: the validation metrics by name, those of the test split below "test"."""
    outcome = results.outcome
    values: dict[str, Any] = {"best_epoch": outcome.best_epoch, "stopped": outcome.stopped}
    values |= results.validation.metrics
    return values if results.test is None else {**values, "test": dict(results.test.metrics)}


def measure(
    task: Task,
    card: Card,
    listing: Listing,
    split: str,
    placement: Placement,
    *,
    batch_size: int = 32,
    workers: int | None = None,
) -> Measured:
    """Over all images of `split`, which must have targets."""
    batches = measuring_batches(listing, split, card.input, batch_size=batch_size, workers=workers)
    prepare = preparation(card.input)
    if task.dense:
        counter = counted(task, batches, placement, prepare)
        return Measured(counter.compute(), counter.details(), None)
    collected = collect(task, batches, placement, prepare)
    assert collected.targets is not None
    counter = task.metrics()
    counter.update(collected.outputs, collected.targets)
    return Measured(counter.compute(), counter.details(), collected)

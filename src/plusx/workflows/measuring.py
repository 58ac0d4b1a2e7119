"""What a model reaches on one split of a data set."""

from collections.abc import Mapping
from dataclasses import dataclass

from plusx.core.card import Card
from plusx.core.details import Details
from plusx.core.sample import Listing
from plusx.core.task import Task
from plusx.engine.device import Placement
from plusx.engine.evaluate import Collected, collect
from plusx.workflows.loading import measuring_batches, preparation


@dataclass(frozen=True)
class Measured:
    """The task's metrics, the tables behind them, and every answer."""

    metrics: Mapping[str, float]
    details: Details
    collected: Collected


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
    collected = collect(task, batches, placement, preparation(card.input))
    assert collected.targets is not None
    counter = task.metrics()
    counter.update(collected.outputs, collected.targets)
    return Measured(counter.compute(), counter.details(), collected)

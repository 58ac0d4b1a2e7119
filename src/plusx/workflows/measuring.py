"""What a model reaches on one split of a data set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from plusx.adapt.views import outputs_of_views
from plusx.core.card import Card
from plusx.core.details import Details
from plusx.core.errors import DataError, InputError
from plusx.core.masks import Mask
from plusx.core.prediction import MaskPrediction
from plusx.core.sample import Listing, Sample
from plusx.core.task import Task
from plusx.data.images import read_image
from plusx.deploy.tiling import Tiling
from plusx.deploy.torch_predictor import TorchPredictor
from plusx.engine.device import Placement
from plusx.engine.evaluate import Collected, collect, counted
from plusx.engine.parts import Outcome
from plusx.engine.placement import place
from plusx.tasks.metrics.segment import SegmentMetrics
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
    the exported file compares with the model, one of them where there is one. `training`: the same weights on some of
    the training images as they are.
    """

    outcome: Outcome
    validation: Measured
    test: Measured | None = None
    agreement: str | None = None
    disagreement: str | None = None
    training: Measured | None = None


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
    views: int = 1,
) -> Measured:
    """Over all images of `split`, which must have targets. views: 2: each is seen as in a mirror as well."""
    shown = [measuring_batches(listing, split, card.input, batch_size, workers, mirrored=n > 0) for n in range(views)]
    prepare = preparation(card.input)
    if task.dense:
        counter = counted(task, shown[0], placement, prepare)
        return Measured(counter.compute(), counter.details(), None)
    answers = [collect(task, batches, placement, prepare) for batches in shown]
    collected = answers[0]
    if views > 1:
        collected = replace(collected, outputs=outputs_of_views(task.name, [one.outputs for one in answers]))
    assert collected.targets is not None
    counter = task.metrics()
    counter.update(collected.outputs, collected.targets)
    return Measured(counter.compute(), counter.details(), collected)


def measure_tiled(
    task: Task, card: Card, samples: Sequence[Sample], placement: Placement, tiling: Tiling, *, batch_size: int = 32
) -> Measured:
    """Masks as `predict` gives them, in windows where it takes those, against the masks of `samples` pixel by pixel.

    InputError for a task without masks, DataError for an image that cannot be read or a mask of another size.
    """
    counter = task.metrics()
    if not isinstance(counter, SegmentMetrics):
        raise InputError(
            "--tile cuts images into windows for masks of one class a pixel; the model's task is "
            f"{task.name}. Leave it away."
        )
    place(task, placement)
    predictor = TorchPredictor(task, card)
    for sample in samples:
        try:
            pixels = read_image(sample.image, predictor.mode)
        except Exception as error:  # functions of the user's own data set may raise anything
            raise DataError(f"Image {sample.name} could not be read: {error}") from error
        truth = None if sample.target is None else sample.target.load()
        if not isinstance(truth, Mask):
            raise InputError(f"{sample.name} has no mask: expected labelled images to evaluate on.")
        if truth.values.shape != pixels.shape[:2]:
            raise DataError(f"{sample.name}: {pixels.shape[:2]} pixels, but the mask has {truth.values.shape}.")
        (found,) = predictor.predict([pixels], [sample.name], batch_size=batch_size, tiling=tiling)
        assert isinstance(found, MaskPrediction)
        counter.count(torch.from_numpy(found.mask)[None].long(), torch.from_numpy(truth.values)[None])
    return Measured(counter.compute(), counter.details(), None)

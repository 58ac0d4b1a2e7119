"""evaluate: a trained model on labelled images."""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

from plusx.core.details import Details
from plusx.core.errors import DataError, InputError
from plusx.core.sample import Listing
from plusx.deploy.mirroring import check_views
from plusx.deploy.tiling import Tiling
from plusx.engine.device import Workload, choose_placement
from plusx.engine.placement import Placement
from plusx.weights.modelfile import LoadedModel, load_model
from plusx.workflows.contents import refuse_changed
from plusx.workflows.directory import RunDirectory, model_file
from plusx.workflows.inheriting import inherited, warn_without_data
from plusx.workflows.measuring import Measured, measure, measure_tiled
from plusx.workflows.options import settings_from
from plusx.workflows.original_data import original_data
from plusx.workflows.preparation import KIND_OF_TASK, read_listing
from plusx.workflows.reading import reading_processes
from plusx.workflows.settings import EvaluateSettings
from plusx.workflows.signature import takes

log = logging.getLogger("plusx")


@dataclass(frozen=True)
class Evaluation:
    """`metrics` over the images of `split` ("all": of every split); `details` are the tables behind them."""

    split: str
    images: int
    metrics: Mapping[str, float]
    details: Details


@takes(EvaluateSettings)
def evaluate(run: str | os.PathLike[str], data: Any = None, **settings: Any) -> Evaluation:
    """Measure the model of a run directory or model file on `data`; without `data`, on the run's own, split as it was.

    What is not said of how to read `data` is as in the run: the columns, where `data` has them, and the separator; an
    `exclude` is not. Class names are matched with those of the model; DataError names those it does not know.
    """
    path, options = Path(run), settings_from(EvaluateSettings, settings)
    loaded = load_model(model_file(path))
    if options.tta == "flip":
        check_views(loaded.task.name)
    if data is None:
        warn_without_data(settings)
    else:
        options = replace(options, **inherited(path, data, settings))
    placement = place(loaded, options)
    split, listing = chosen(original_data(path) if data is None else labelled(data, loaded, options), options.split)
    if data is None:
        refuse_changed(RunDirectory(path), listing.splits[split], reading_processes(options.workers))
    measured = measured_as(options, loaded, listing, split, placement)
    return Evaluation(split, len(listing.splits[split]), measured.metrics, measured.details)


def measured_as(
    options: EvaluateSettings, loaded: LoadedModel, listing: Listing, split: str, placement: Placement
) -> Measured:
    """On the network's input, or where windows are asked for on the images' own pixels."""
    task, card, size = loaded.task, loaded.card, options.batch_size
    if options.tile == "whole":
        views = 2 if options.tta == "flip" else 1
        return measure(task, card, listing, split, placement, batch_size=size, workers=options.workers, views=views)
    tiling = Tiling(options.tile, options.overlap)
    return measure_tiled(task, card, listing.splits[split], placement, tiling, batch_size=size)


def place(loaded: LoadedModel, options: EvaluateSettings) -> Placement:
    """Plain float32. InputError for a device that is not there."""
    workload = Workload(loaded.card.input.size, options.batch_size)
    return choose_placement(
        loaded.task, workload, device=options.device, precision="fp32", channels_last=False, compile=False
    )


def chosen(listing: Listing, split: str) -> tuple[str, Listing]:
    """The split that is meant, and `listing` with it; "all" is made of every split. InputError where it is not there.

    "auto" is "test" where there is one, else "val", else "all".
    """
    if split == "auto":
        split = next((name for name in ("test", "val") if name in listing.splits), "all")
    if split == "all":
        return split, listing.with_splits({split: tuple(chain.from_iterable(listing.splits.values()))})
    if not listing.splits.get(split):
        raise InputError(f"The data has no split {split!r}; it has {', '.join(listing.splits)}")
    return split, listing


def labelled(data: Any, loaded: LoadedModel, options: EvaluateSettings) -> Listing:
    """`data` read with the model's own task and classes."""
    task, kind, classes = loaded.task.name, KIND_OF_TASK[loaded.task.name], tuple(loaded.card.classes)
    if options.task not in ("auto", task):
        raise InputError(f"The model's task is {task}; found --task {options.task}. Leave --task away.")
    as_model: dict[str, Any] = {"task": task}
    listing = read_listing(data, replace(options, **as_model), classes=None if kind == "value" else classes)
    for note in listing.notes:
        log.info(note)
    if listing.kind != kind or listing.classes != classes:
        raise DataError(
            f"The labels of the data ({listing.kind}: {', '.join(listing.classes[:5])}...) are not those of the model "
            f"({kind}: {', '.join(classes[:5])}...). Name the right column with --label-column."
        )
    return listing

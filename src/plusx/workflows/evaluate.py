"""evaluate: a trained model on labelled images."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plusx.core.details import Details
from plusx.core.errors import DataError, InputError
from plusx.core.sample import Listing
from plusx.data.formats.read import ReadOptions, read
from plusx.engine.device import Workload, choose_placement
from plusx.weights.modelfile import LoadedModel, load_model
from plusx.workflows.contents import refuse_changed
from plusx.workflows.directory import RunDirectory
from plusx.workflows.measuring import measure
from plusx.workflows.original_data import original_data
from plusx.workflows.preparation import KIND_OF_TASK
from plusx.workflows.reading import reading_processes
from plusx.workflows.settings import EvaluateSettings, settings_from
from plusx.workflows.signature import takes

log = logging.getLogger("plusx")


@dataclass(frozen=True)
class Evaluation:
    """`metrics` over the images of `split`; `details` are the tables behind them."""

    split: str
    images: int
    metrics: Mapping[str, float]
    details: Details


@takes(EvaluateSettings)
def evaluate(run: str | Path, data: Any = None, **settings: Any) -> Evaluation:
    """Measure the model of a run directory or model file on `data`; without `data`, on the run's own validation images.

    The class names of `data` are matched with those of the model; DataError names those it does not know.
    """
    options = settings_from(EvaluateSettings, settings)
    path = Path(run)
    loaded = load_model(RunDirectory(path).model if path.is_dir() else path)
    if data is None:
        listing, split = original_data(path), "val" if options.split == "auto" else options.split
    else:
        listing = labelled(data, loaded, options)
        split = (
            options.split
            if options.split != "auto"
            else next(s for s in ("test", "val", "train") if s in listing.splits)
        )
    if not listing.splits.get(split):
        raise InputError(f"The data has no split {split!r}; it has {', '.join(listing.splits)}")
    if data is None:
        refuse_changed(RunDirectory(path), listing.splits[split], reading_processes(options.workers))
    workload = Workload(loaded.card.input.size, options.batch_size)
    placement = choose_placement(
        loaded.task, workload, device=options.device, precision="fp32", channels_last=False, compile=False
    )
    measured = measure(
        loaded.task,
        loaded.card,
        listing,
        split,
        placement,
        batch_size=options.batch_size,
        workers=options.workers,
    )
    return Evaluation(split, len(listing.splits[split]), measured.metrics, measured.details)


def labelled(data: Any, loaded: LoadedModel, options: EvaluateSettings) -> Listing:
    """`data` read with the model's own classes."""
    kind = KIND_OF_TASK[loaded.task.name]
    classes = tuple(loaded.card.classes)
    how = ReadOptions(
        image_column=options.image_column,
        label_column=options.label_column,
        separator=options.separator,
        split_column=options.split_column,
        missing_files=options.missing_files,
        classes=None if kind == "value" else classes,
        kind=kind,
    )
    listing = read(data, how)
    for note in listing.notes:
        log.info(note)
    if listing.kind != kind or listing.classes != classes:
        raise DataError(
            f"The labels of the data ({listing.kind}: {', '.join(listing.classes[:5])}...) are not those of the model "
            f"({kind}: {', '.join(classes[:5])}...). Name the right column with --label-column."
        )
    return listing

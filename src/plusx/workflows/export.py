"""export: a file to deploy, kept only when it gives the model's own results."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plusx.core.card import Card
from plusx.core.errors import DataError, InputError
from plusx.core.sample import Sample
from plusx.core.task import Task
from plusx.data.images import read_image
from plusx.deploy.agreement import Agreement, export_agreeing
from plusx.deploy.files import SUFFIXES
from plusx.weights.modelfile import load_model
from plusx.workflows.directory import model_file
from plusx.workflows.options import settings_from
from plusx.workflows.original_data import original_data
from plusx.workflows.settings import ExportSettings
from plusx.workflows.signature import takes
from plusx.workflows.sources import Read, find_images, read_ahead

COMPARED = 500
"""Images on which file and model are compared, at most."""


@dataclass(frozen=True)
class Exported:
    """A file that was proved to agree with its model."""

    path: Path
    agreement: Agreement

    def __str__(self) -> str:
        return f"{self.path}: {self.agreement}"


@takes(ExportSettings)
def export(run: str | os.PathLike[str], **settings: Any) -> Exported:
    """Make a file to deploy from a run directory or model file, and compare both on up to 500 images.

    The images are the run's validation images, or those of `data` (a folder, a file, a pattern). DisagreementError,
    and nothing is kept, where they do not give the same; InputError for a model file without `data`.
    """
    options = settings_from(ExportSettings, settings)
    path = Path(run)
    model = model_file(path)
    loaded = load_model(model)
    out = options.out or model.with_name(f"model{SUFFIXES[options.to]}")
    if options.data is not None:
        found = read_ahead(find_images(options.data), mode(loaded.card), threads=1, ahead=2)
        images = (one.pixels for one in found if isinstance(one, Read))
    elif path.is_dir():
        images = readable(spread(original_data(path).splits["val"]), loaded.card)
    else:
        raise InputError(f"{path} is a model file and knows no images to compare on; name some with --data")
    return Exported(out, export_agreeing(loaded.task, loaded.card, out, images, to=options.to, limit=COMPARED))


def export_and_compare(task: Task, card: Card, out: Path, samples: Sequence[Sample]) -> Agreement:
    """The ONNX file of a run that has just ended, compared on its validation images."""
    return export_agreeing(task, card, out, readable(spread(samples), card), limit=COMPARED)


def spread(samples: Sequence[Sample]) -> Sequence[Sample]:
    """At most `COMPARED` of them, from the first to the last: they often stand class by class."""
    return samples[:: max(1, -(-len(samples) // COMPARED))]


def readable(samples: Sequence[Sample], card: Card) -> Iterator[NDArray[np.uint8]]:
    """The images that can still be read, one after the other."""
    for sample in samples:
        try:
            yield read_image(sample.image, mode(card))
        except DataError:
            continue


def mode(card: Card) -> Any:
    """The colour mode in which images have to be read for this card."""
    return "L" if card.input.channels == 1 else "RGB"

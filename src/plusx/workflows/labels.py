"""labels: images of a run whose label is probably wrong, by confident learning."""

import csv
import io
import logging
import os
import shlex
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from plusx.core.errors import InputError, StorageError
from plusx.core.sample import Listing, Sample
from plusx.core.storage import write_text
from plusx.core.targets import Label
from plusx.data.audit import audit
from plusx.data.confident import confident, normalised_margin, ranked, self_confidence
from plusx.data.folds import folds
from plusx.engine.device import find_device
from plusx.engine.interrupt import terminating
from plusx.engine.placement import Placement
from plusx.report.doubts import Doubt, Doubts, write_doubts
from plusx.report.thumbnail import thumbnail
from plusx.workflows.crossing import Crossing, crossed, with_own
from plusx.workflows.environment import audit_cache
from plusx.workflows.labels_settings import LabelsSettings
from plusx.workflows.original_data import original_data
from plusx.workflows.reading import reading_bar, reading_processes
from plusx.workflows.run import open_run
from plusx.workflows.settings import FitSettings, settings_from
from plusx.workflows.signature import takes

log = logging.getLogger("plusx")

TABLE, REPORT = "labels.csv", "labels.html"
SAID = 20  # images, by the shell
PICTURES = 96  # in the report; the table lists all


@dataclass(frozen=True)
class DoubtfulLabel:
    """margin: of probabilities, that of the given label less that of the proposed one; the lower, the surer."""

    name: str
    split: str
    given: str
    proposed: str
    confidence: float
    margin: float


@dataclass(frozen=True)
class Labelled:
    """Likely label errors, the likeliest first; `table` is understood by `--exclude`."""

    doubtful: tuple[DoubtfulLabel, ...]
    images: int
    table: Path
    report: Path


@takes(LabelsSettings)
def labels(run: str | os.PathLike[str], **settings: Any) -> Labelled:
    """Find images of `run` (a directory that `fit` wrote) whose label is probably wrong.

    The images of its train and val splits are dealt into folds; for each a model is trained with the run's settings on
    all others, from the weights the run started from. What it says of images it never saw is compared with their labels
    by confident learning (Northcutt et al. 2021). Folds that are done are kept: the same call goes on. Raises
    InputError where the labels are not one class an image, and what `fit` raises.
    """
    options, path, console = settings_from(LabelsSettings, settings), Path(run), Console(stderr=True, soft_wrap=True)
    listing = labelled_images(path)
    out = options.out or path / "labels"
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{out} could not be created: {error.strerror}. Give another place with --out.") from error
    pairs = [(split, sample) for split in ("train", "val") for sample in listing.splits.get(split, ())]
    samples = [sample for _, sample in pairs]
    crossing = crossing_of(path, listing, options, out, console)
    parts = folds(samples, options.folds, crossing.settings.seed)
    with terminating():
        probabilities = crossed(crossing, samples, parts)
    given = np.array([sample.target.index for sample in samples if isinstance(sample.target, Label)])
    found = confident(probabilities, given)
    order = ranked(probabilities, given, found.wrong)
    certainty, margins = self_confidence(probabilities, given), normalised_margin(probabilities, given)
    doubtful = tuple(
        DoubtfulLabel(
            samples[n].name,
            pairs[n][0],
            listing.classes[given[n]],
            listing.classes[found.proposed[n]],
            float(certainty[n]),
            float(margins[n]),
        )
        for n in order
    )
    write_text(out / TABLE, table(doubtful))
    write_doubts(out / REPORT, page(path, doubtful, [samples[n] for n in order[:PICTURES]], len(samples)))
    return Labelled(doubtful, len(samples), out / TABLE, out / REPORT)


def labelled_images(path: Path) -> Listing:
    """The run's own, as it read them. InputError where an image has no single class."""
    if not path.exists():
        raise InputError(f"There is no run {path}. Give the directory that `plusx fit` wrote.")
    listing = original_data(path)
    if listing.kind != "label":
        raise InputError(
            f"{path} was trained on labels of another kind ({listing.kind}); wrong labels are found where every image "
            "has one class. For others look at the worst mistakes in the run's report."
        )
    return listing


def crossing_of(path: Path, listing: Listing, options: LabelsSettings, out: Path, console: Console) -> Crossing:
    """The run's settings and sizes of images, for all folds."""
    _, saved = open_run(path)
    changes: dict[str, Any] = {"workers": options.workers}
    changes |= {} if options.epochs is None else {"epochs": options.epochs}
    settings = with_own(settings_from(FitSettings, saved["settings"]), saved, **changes)
    placement, device = Placement.from_json(saved["placement"]), find_device(options.device)
    if placement.device.type != device.type:  # what was fast there need not be so here
        placement = Placement(device)
    with reading_bar(console, "reading every image once") as progress:
        found = audit(listing, cache=audit_cache(), workers=reading_processes(options.workers), progress=progress)
    return Crossing(listing, settings, found.sizes, placement, out, console)


def table(doubtful: tuple[DoubtfulLabel, ...]) -> str:
    """A row an image, the likeliest error first."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["image", "split", "given", "proposed", "probability of given", "margin"])
    for one in doubtful:
        writer.writerow([one.name, one.split, one.given, one.proposed, f"{one.confidence:.4f}", f"{one.margin:.4f}"])
    return buffer.getvalue()


def page(path: Path, doubtful: tuple[DoubtfulLabel, ...], samples: list[Sample], images: int) -> Doubts:
    """What the report shows."""
    shown = [
        Doubt(thumbnail(sample.image), one.name, one.given, one.proposed, one.confidence)
        for one, sample in zip(doubtful, samples, strict=False)
    ]
    mixed = Counter((one.given, one.proposed) for one in doubtful).most_common(30)
    return Doubts(path.resolve().name, images, len(doubtful), shown, [(*pair, count) for pair, count in mixed])


def summary(found: Labelled) -> list[str]:
    """For the shell."""
    lines = [f"{len(found.doubtful)} of {found.images} labels are probably wrong"]
    for one in found.doubtful[:SAID]:
        lines += [f"  {one.name}: {one.given}, probably {one.proposed} (margin {one.margin:.2f})"]
    if len(found.doubtful) > SAID:
        lines += [f"  ... and {len(found.doubtful) - SAID} more"]
    table = shlex.quote(str(found.table))
    return [*lines, f"Pictures: {found.report}", f"To train without them, once you have looked: --exclude {table}"]

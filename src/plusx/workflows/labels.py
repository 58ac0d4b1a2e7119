"""labels: images of a run whose label is probably wrong, by models that did not see them or by one training."""

import csv
import io
import logging
import os
import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from plusx.core.errors import InputError, StorageError
from plusx.core.sample import Listing, Sample
from plusx.core.storage import write_text
from plusx.core.targets import Label
from plusx.data.audit import audit
from plusx.data.confident import Indices, Probabilities, confident, normalised_margin, ranked, self_confidence
from plusx.data.folds import folds
from plusx.data.trajectory import drawn_threshold_samples, judged
from plusx.engine.device import find_device
from plusx.engine.interrupt import terminating
from plusx.engine.placement import Placement
from plusx.report.doubts import Doubt, Doubts, write_doubts
from plusx.report.thumbnail import thumbnail
from plusx.workflows.crossing import Crossing, crossed, with_own
from plusx.workflows.environment import audit_cache
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.labels_settings import LabelsSettings
from plusx.workflows.options import settings_from
from plusx.workflows.origin import refuse_inside
from plusx.workflows.original_data import original_data
from plusx.workflows.reading import reading_bar, reading_processes
from plusx.workflows.run import open_run
from plusx.workflows.signature import takes
from plusx.workflows.trajectory import Asked, followed

log = logging.getLogger("plusx")

TABLE, REPORT = "labels.csv", "labels.html"
SAID = 20  # images, by the shell
PICTURES = 96  # in the report; the table lists all


@dataclass(frozen=True)
class DoubtfulLabel:
    """margin: what speaks for the given label less what speaks for the likeliest other one; the lower, the surer.

    Of probabilities by folds, of logits by trajectory.
    """

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


@dataclass(frozen=True)
class Evidence:
    """Of all images: wrong (N,), proposed (N,) classes, confidence (N,) in the given label, margins (N,)."""

    wrong: NDArray[np.bool_]
    proposed: Indices
    confidence: Probabilities
    margins: Probabilities


@takes(LabelsSettings)
def labels(run: str | os.PathLike[str], **settings: Any) -> Labelled:
    """Find images of `run` (a directory that `fit` wrote) whose label is probably wrong.

    By folds: the images of its train and val splits are dealt into folds; for each a model is trained with the run's
    settings on all others, from the weights the run started from. What it says of images it never saw is compared with
    their labels by confident learning (Northcutt et al. 2021). Folds that are done are kept: the same call goes on.
    By trajectory: one such training on all of them, and the area under the margin (Pleiss et al. 2020); one that was
    stopped goes on. Raises InputError where the labels are not one class an image, and what `fit` raises.
    """
    options, path, console = settings_from(LabelsSettings, settings), Path(run), Console(stderr=True, soft_wrap=True)
    listing = labelled_images(path)
    out = place_of(path, options)
    pairs = [(split, sample) for split in ("train", "val") for sample in listing.splits.get(split, ())]
    samples = [sample for _, sample in pairs]
    crossing = crossing_of(path, listing, options, out, console)
    given = np.array([sample.target.index for sample in samples if isinstance(sample.target, Label)])
    if options.by == "trajectory" and "folds" in settings:
        log.warning("folds has no effect: by trajectory there is one training")
    with terminating():
        found = _WAYS[options.by](crossing, samples, given, options.folds)
    order = ranked(found.margins, found.wrong)
    doubtful = tuple(doubtful_label(pairs[n][1], pairs[n][0], listing.classes, found, n) for n in order)
    write_text(out / TABLE, table(doubtful))
    shown = [samples[n] for n in order[:PICTURES]]
    write_doubts(out / REPORT, page(path, doubtful, shown, len(samples), _HOW[options.by]))
    return Labelled(doubtful, len(samples), out / TABLE, out / REPORT)


def place_of(path: Path, options: LabelsSettings) -> Path:
    """The directory for what is found, made. InputError inside of the data."""
    out = options.out or path / "labels"
    if options.out is not None:
        refuse_inside(open_run(path)[1]["data"], out, "Give another place with --out.")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{out} could not be created: {error.strerror}. Give another place with --out.") from error
    return out


def doubtful_label(sample: Sample, split: str, classes: Sequence[str], found: Evidence, n: int) -> DoubtfulLabel:
    """n: its position in `found`."""
    assert isinstance(sample.target, Label)
    given, proposed = classes[sample.target.index], classes[found.proposed[n]]
    return DoubtfulLabel(sample.name, split, given, proposed, float(found.confidence[n]), float(found.margins[n]))


def by_folds(crossing: Crossing, samples: Sequence[Sample], given: Indices, count: int) -> Evidence:
    """By models that did not see the images; so many are trained."""
    probabilities = crossed(crossing, samples, folds(samples, count, crossing.settings.seed, crossing.copies))
    found = confident(probabilities, given)
    margins = normalised_margin(probabilities, given)
    return Evidence(found.wrong, found.proposed, self_confidence(probabilities, given), margins)


def by_trajectory(crossing: Crossing, samples: Sequence[Sample], given: Indices, count: int) -> Evidence:
    """By the course of one training."""
    drawn = drawn_threshold_samples(len(samples), len(crossing.listing.classes), crossing.settings.seed)
    found = judged(followed(crossing, Asked(samples, given, drawn)), given, drawn)
    return Evidence(found.wrong, found.proposed, found.confidence, found.margins)


_WAYS = {"folds": by_folds, "trajectory": by_trajectory}
_HOW = {
    "folds": "Models that were not trained on an image are sure of another class than its label.",
    "trajectory": "Through one training, the network held another class likelier than the label, as with wrong labels.",
}


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
    return Crossing(listing, settings, found.sizes, placement, out, console, found.copies)


def table(doubtful: tuple[DoubtfulLabel, ...]) -> str:
    """A row an image, the likeliest error first."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["image", "split", "given", "proposed", "probability of given", "margin"])
    for one in doubtful:
        writer.writerow([one.name, one.split, one.given, one.proposed, f"{one.confidence:.4f}", f"{one.margin:.4f}"])
    return buffer.getvalue()


def page(path: Path, doubtful: tuple[DoubtfulLabel, ...], samples: list[Sample], images: int, how: str) -> Doubts:
    """What the report shows."""
    shown = [
        Doubt(thumbnail(sample.image), one.name, one.given, one.proposed, one.confidence)
        for one, sample in zip(doubtful, samples, strict=False)
    ]
    mixed = Counter((one.given, one.proposed) for one in doubtful).most_common(30)
    return Doubts(path.resolve().name, images, len(doubtful), shown, [(*pair, count) for pair, count in mixed], how)


def summary(found: Labelled) -> list[str]:
    """For the shell."""
    lines = [f"{len(found.doubtful)} of {found.images} labels are probably wrong"]
    for one in found.doubtful[:SAID]:
        lines += [f"  {one.name}: {one.given}, probably {one.proposed} (margin {one.margin:.2f})"]
    if len(found.doubtful) > SAID:
        lines += [f"  ... and {len(found.doubtful) - SAID} more"]
    table = shlex.quote(str(found.table))
    return [*lines, f"Pictures: {found.report}", f"To train without them, once you have looked: --exclude {table}"]

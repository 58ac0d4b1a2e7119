"""The data that a run was trained on, split as it was then."""

from collections import defaultdict, deque
from dataclasses import replace
from pathlib import Path

from plusx.core.errors import DataError, InputError
from plusx.core.sample import Listing, Sample
from plusx.workflows.directory import RunDirectory
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.options import settings_from
from plusx.workflows.preparation import read_listing, target_text
from plusx.workflows.run import open_run
from plusx.workflows.split_table import split_rows

_SHOWN = 5  # images


def original_data(path: Path) -> Listing:
    """The images that the run's split.csv names, in its splits, read again. What was added since is left out.

    InputError for a model file and for data that were in memory; DataError where images are gone or have other labels.
    """
    if not path.is_dir():
        raise InputError(f"{path} is a model file and knows no data. Name images, or give the directory of the run.")
    run, saved = open_run(path)
    if saved["data"] is None:
        raise InputError(f"{path} was trained on data in memory. Name the images to take instead.")
    settings = replace(settings_from(FitSettings, saved["settings"]), exclude=None, missing_files="skip")
    excluded = frozenset(map(str, saved.get("excluded", ())))
    listing = read_listing(saved["data"], settings, saved.get("validation_data"), broken="finding", excluded=excluded)
    if list(listing.classes) != run.read_json(run.data).get("classes"):
        raise DataError(f"The classes in {saved['data']} are no longer those of {run.data}. {_ADVICE}")
    return listing.with_splits(_as_split(listing, run))


_ADVICE = "Restore the data, or name the images to take instead."


def _as_split(listing: Listing, run: RunDirectory) -> dict[str, tuple[Sample, ...]]:
    waiting: defaultdict[tuple[str, str, str], deque[Sample]] = defaultdict(deque)
    for split, samples in listing.splits.items():
        for sample in samples:
            waiting[split, sample.name, target_text(sample.target, listing.classes)].append(sample)
    splits: defaultdict[str, list[Sample]] = defaultdict(list)
    lost: list[str] = []
    for row in split_rows(run):
        found = waiting.get((row.split, row.image, row.target)) or waiting.get(("train", row.image, row.target))
        if found:
            splits[row.split].append(found.popleft())
        else:
            lost.append(row.image)
    if lost:
        shown = ", ".join(lost[:_SHOWN]) + (f" and {len(lost) - _SHOWN} more" if len(lost) > _SHOWN else "")
        raise DataError(f"Images of {run.split} are gone or have other labels: {shown}. {_ADVICE}")
    return {split: tuple(samples) for split, samples in splits.items()}

"""find-rate: which learning rate to begin with, for these images and settings. Changes nothing."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from rich.console import Console

from plusx.core.errors import InputError, StorageError
from plusx.workflows.batch_size import found_batch_size, resized
from plusx.workflows.directory import RunDirectory
from plusx.workflows.fit import read_and_audit, settle_design
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.options import settings_from
from plusx.workflows.origin import refuse_inside
from plusx.workflows.placing import settle_placement
from plusx.workflows.rate_finder import FoundRate, found_rate
from plusx.workflows.rate_settings import RateSettings
from plusx.workflows.settling import Job, absolute, run_name
from plusx.workflows.signature import takes
from plusx.workflows.starting import check_start


@dataclass(frozen=True)
class RateFound:
    """`rate`: the suggestion. `steep`: where the loss falls fastest. `picture`, `values`: the files with the curve.
    `words`: what `fit` takes it by, with the optimizer whose rate it is."""

    rate: float
    steep: float
    picture: Path
    values: Path
    text: str
    words: str

    def lines(self) -> list[str]:
        """What to print."""
        return [self.text, f"Curve: {self.picture}", f"Train with: plusx fit ... {self.words}"]


@takes(RateSettings)
def find_rate(data: Any, *, validation_data: Any = None, **settings: Any) -> RateFound:
    """Train a copy of the network for a few steps of rising learning rate on `data`, and suggest one.

    Settings are those of `fit`; what it would train is what is tested. InputError where the loss never falls, and for
    settings that have no place here.
    """
    options = settings_from(RateSettings, settings)
    if options.rate is not None or options.resume is not None:
        word = "--resume" if options.rate is None else "--rate"
        raise InputError(f"{word} has no place here: the test goes through all rates, from the start. Leave it away.")
    if options.time_limit is not None:
        raise InputError(
            "--time-limit has no place here: it chooses network and image size, and the test is of those that are "
            "named. Leave it away."
        )
    if options.overwrite:
        raise InputError("--overwrite has no place here: two files are written, and no run is. Leave it away.")
    if options.nproc > 1 or options.shard_model:
        raise InputError("The test runs in one process: leave --nproc and --shard-model away.")
    place = options.out or Path("runs") / run_name(data, "rate")
    refuse_inside(data, place, "Give another place with --out.")
    job = Job(data, validation_data, fit_settings(options), RunDirectory(place))
    check_start(job.settings)
    found = tested(job, options.steps)
    picture, values = found.write(place)
    words = f"--optimizer {found.word} --rate {found.rate:g}"
    return RateFound(found.rate, found.sweep.steep, picture, values, str(found), words)


def fit_settings(options: RateSettings) -> FitSettings:
    """What is trained."""
    base = {field.name: getattr(options, field.name) for field in fields(FitSettings)}
    return absolute(FitSettings(**base | {"out": None}))


def tested(job: Job, steps: int) -> FoundRate:
    """Reads the images and goes through the rates."""
    console = Console(stderr=True, soft_wrap=True)
    prepared = read_and_audit(job, console)
    try:  # now: not in vain after minutes
        job.run.path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{job.run.path} could not be created: {error.strerror}. Give another --out.") from error
    made = settle_design(job, prepared)
    placement = settle_placement(job, made, prepared)
    if job.settings.batch_size == "auto":
        size = found_batch_size(job.settings, prepared.listing, made, placement)
        made, _ = resized(made, size, job.settings)
        console.print(f"{size}", highlight=False)
    return found_rate(job.settings, prepared.listing, made, placement, console, steps)

"""The settings of `tune`. Needs no torch."""

from dataclasses import dataclass
from pathlib import Path

from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.options import option
from plusx.workflows.values import Seconds


@dataclass(frozen=True)
class TuneSettings(FitSettings):
    """Search for the settings that train best: network, rate, weight decay, augmentation, freezing. What is given as in
    fit is kept."""

    epochs: int | None = option(
        None, "of a trial that is not stopped; none: the recipe's, or fewer where the time limit asks for it", least=1
    )
    time_limit: Seconds | None = option(None, "seconds, or 10m, 2h: all ends in time, the best run included", above=0)
    out: Path | None = option(
        None, "directory of the search; none: runs/NAME-tune. The same again goes on with it", section="The run"
    )
    overwrite: bool = option(False, "has no effect here: a search that is there goes on")
    resume: Path | None = option(None, "directory of a search to go on with, or to help with as one more worker")
    trials: int | None = option(
        None,
        "trials of all workers together; none: as many as the time limit allows, or 20",
        least=1,
        section="The search",
    )
    models: tuple[str, ...] | None = option(
        None, "networks to choose from, as resnet18,resnet50; none: those two, or the one of --model"
    )
    storage: str | None = option(
        None, "where workers meet: sqlite:///FILE, postgresql://..., mysql://...; none: study.db in the directory"
    )
    finish: bool = option(True, "make a whole run of the best trial: model file, exported file, report")


BUDGET = ("trials", "time_limit", "workers", "finish", "export", "storage", "out", "overwrite", "resume", "weights_dir")
"""What may differ between workers, and when a search goes on."""

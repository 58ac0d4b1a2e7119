"""The settings of `labels`. Needs no torch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from plusx.workflows.options import WORKERS, option


@dataclass(frozen=True)
class LabelsSettings:
    """Find images whose label is probably wrong: by models that did not see them, or by the course of one training."""

    by: Literal["folds", "trajectory"] = option(
        "folds",
        "folds: by models that did not see the image; trajectory: by the course of one training",
    )
    folds: int = option(5, "parts: so many models are trained, each on all parts but one", least=2)
    epochs: int | None = option(None, "passes of each training; none: the run's", least=1)
    device: str = option("auto", "auto, cpu, cuda, cuda:1, mps", section="The machine")
    workers: int | None = option(None, WORKERS, least=0)
    out: Path | None = option(None, "directory for list, report and probabilities; none: labels/ in the run's")

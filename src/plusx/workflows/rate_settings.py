"""The settings of `find-rate`. Needs no torch."""

from dataclasses import dataclass
from pathlib import Path

from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.options import option


@dataclass(frozen=True)
class RateSettings(FitSettings):
    """Suggest a learning rate: training steps at a rising rate, on a copy of the network. Settings as in fit."""

    steps: int = option(
        100,
        "training steps from the lowest rate to the highest; down to 40 where they take over two minutes",
        least=20,
        section="The test",
    )
    out: Path | None = option(
        None, "directory for rate-finder.svg and rate-finder.json; none: runs/NAME-rate", section="The run"
    )

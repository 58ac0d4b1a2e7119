"""The settings of `soup`. Needs no torch."""

from dataclasses import dataclass
from pathlib import Path

from plusx.workflows.options import WORKERS, option


@dataclass(frozen=True)
class SoupSettings:
    """Average the weights of several runs, or of one run's checkpoints, judged on the validation images."""

    greedy: bool = option(
        False, "the best first, then each that does not make the average worse; what happens unless told otherwise"
    )
    uniform: bool = option(False, "the average of all")
    out: Path | None = option(
        None, "directory of the result, as of a run, or FILE.safetensors for the model alone; none: runs/NAME-soup"
    )
    batch_size: int = option(32, "images per step", least=1, section="The machine")
    device: str = option("auto", "auto, cpu, cuda, cuda:1, mps")
    workers: int | None = option(None, WORKERS, least=0)

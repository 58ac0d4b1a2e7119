"""Evidence: what a step was computed of whose loss or gradients were not finite, kept so that it can be made again."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from torch import Tensor

from plusx.core.batch import Batch
from plusx.core.errors import NonFiniteLossError
from plusx.engine import checkpoint
from plusx.engine.plan import Plan
from plusx.engine.position import Position

MOST: Final = 3
"""Steps that a run keeps; each takes the space of the weights and of its images."""


@dataclass(frozen=True)
class Suspect:
    """A batch as it was loaded, its place, and the random states from which its forward pass drew."""

    batch: Batch
    position: Position
    random: dict[str, Tensor]


class NonFiniteStepError(NonFiniteLossError):
    """A step that was not applied; `suspects`: the batches that it was computed of."""

    def __init__(self, text: str, suspects: Sequence[Suspect]) -> None:
        super().__init__(text)
        self.suspects = tuple(suspects)


def file_of(directory: Path, step: int) -> Path:
    """Where the evidence of `step` (from 1) lies."""
    return directory / f"non-finite-{step}.pt"


def files(directory: Path) -> list[Path]:
    """Those that are kept, in order of their steps."""
    return sorted(directory.glob("non-finite-*.pt"), key=lambda path: (len(path.name), path.name))


def room_for(directory: Path, step: int) -> bool:
    """Whether `step` may be kept beside those that are."""
    kept = files(directory)
    return len(kept) < MOST or file_of(directory, step) in kept


def batch_to_json(batch: Batch) -> dict[str, Any]:
    """Tensors on the CPU and plain values; `batch_from_json` gives an equal batch, but for its views."""
    targets = None if batch.targets is None else batch.targets.cpu()
    return {
        "images": batch.images.cpu(),
        "targets": targets,
        "names": list(batch.names),
        "indices": batch.indices.cpu(),
        "stages": batch.stages,
    }


def batch_from_json(values: dict[str, Any]) -> Batch:
    names, stages = tuple(values["names"]), values.get("stages", 0)
    return Batch(values["images"], values["targets"], names, values["indices"], stages=stages)


def write(directory: Path, error: NonFiniteStepError, prepared: Sequence[Batch], about: dict[str, Any]) -> Path:
    """Saves the suspects, as they were loaded and as the network saw them. about: weights and settings.

    A file as a checkpoint is: loading it executes nothing. Raises StorageError.
    """
    batches = [
        {
            **vars(suspect.position),
            "loaded": batch_to_json(suspect.batch),
            "prepared": batch_to_json(seen),
            "random": suspect.random,
        }
        for suspect, seen in zip(error.suspects, prepared, strict=True)
    ]
    path = file_of(directory, error.suspects[0].position.step + 1)
    checkpoint.write(path, {"reason": str(error), "batches": batches, **about})
    return path


@dataclass(frozen=True)
class Evidence:
    """What was kept of one step: why, the batches as the network saw them, and the state of what saw them."""

    reason: str
    batches: tuple[tuple[Batch, Position, dict[str, Tensor]], ...]
    weights: dict[str, Tensor]
    placement: dict[str, Any]
    plan: Plan
    micro_batch: int | None


def read(path: Path) -> Evidence:
    """Raises WeightsError for a damaged or foreign file."""
    content = checkpoint.read(path)
    batches = tuple(
        (
            batch_from_json(one["prepared"]),
            Position(one["epoch"], one["batch"], one["step"]),
            one["random"],
        )
        for one in content["batches"]
    )
    plan = Plan.from_json(content["plan"])
    return Evidence(content["reason"], batches, content["task"], content["placement"], plan, content["micro_batch"])

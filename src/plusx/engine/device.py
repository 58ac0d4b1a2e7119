"""Where and how a task runs: device, precision, memory format, compilation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch

from plusx.core.task import Task

Precision = Literal["fp32", "bf16", "fp16"]


@dataclass(frozen=True)
class Placement:
    """`reason` says in a sentence why, with the measured images/s."""

    device: torch.device
    precision: Precision = "fp32"
    channels_last: bool = False
    compile: bool = False
    reason: str = ""

    @property
    def memory_format(self) -> torch.memory_format:
        return torch.channels_last if self.channels_last else torch.contiguous_format

    def autocast(self) -> torch.autocast:
        """The context for forward passes; does nothing for fp32."""
        raise NotImplementedError

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; `Placement.from_json` gives an equal placement."""
        raise NotImplementedError

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> "Placement":
        raise NotImplementedError


@dataclass(frozen=True)
class Workload:
    """What will be run: image `size` (height, width), `batch_size`, and how many training `steps` (None: unknown)."""

    size: tuple[int, int]
    batch_size: int
    steps: int | None = None


def choose_placement(
    task: Task,
    workload: Workload,
    *,
    device: str = "auto",
    precision: Literal["auto"] | Precision = "auto",
    channels_last: Literal["auto"] | bool = "auto",
    compile: Literal["auto"] | bool = "auto",  # noqa: A002 - the word users write
) -> Placement:
    """The fastest way to train `task` here, measured on a copy in a few seconds; what is given is kept.

    Neither the task nor any global random state is touched. Raises InputError for a device or precision that is
    not there, and when not even one batch fits into the device's memory.
    """
    raise NotImplementedError


def place(task: Task, placement: Placement) -> Task:
    """Moves the task, in place, to the placement's device and memory format."""
    raise NotImplementedError

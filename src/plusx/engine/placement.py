"""Placement: the device, precision, memory format and compilation with which a task runs, and whether it is divided."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch

from plusx.core.errors import InputError, foreign
from plusx.core.task import Task

Precision = Literal["fp32", "bf16", "fp16"]
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Placement:
    """`reason` says in a sentence why, with the measured images/s. A run keeps its placement when it is resumed.

    `sharded`: the training state is divided over several processes (`engine.sharding`).
    """

    device: torch.device
    precision: Precision = "fp32"
    channels_last: bool = False
    compile: bool = False
    reason: str = ""
    sharded: bool = False

    def __str__(self) -> str:
        words = [
            self.precision,
            *["channels last"] * self.channels_last,
            *["compiled"] * self.compile,
            *["sharded"] * self.sharded,
        ]
        return f"{', '.join(words)} on {self.device}"

    @property
    def memory_format(self) -> torch.memory_format:
        return torch.channels_last if self.channels_last else torch.contiguous_format

    def autocast(self) -> torch.autocast:
        """The context for forward passes; does nothing for fp32."""
        reduced = self.precision != "fp32"
        return torch.autocast(self.device.type, DTYPES[self.precision] if reduced else torch.bfloat16, enabled=reduced)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; `Placement.from_json` gives an equal placement."""
        return {**vars(self), "device": str(self.device)}

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> "Placement":
        """InputError where they are not what `to_json` gives."""
        with foreign(lambda reason: InputError(f"{values!r:.200} says no device and precision ({reason}).")):
            plain: dict[str, Any] = {**values, "device": torch.device(values["device"])}
            found = Placement(**plain)
            _ = DTYPES[found.precision], str(found), int(found.channels_last), int(found.compile), int(found.sharded)
        return found

    def differs(self, other: "Placement") -> bool:
        """Whether it gives other bits than `other`: anything but the reason."""
        return replace(self, reason="") != replace(other, reason="")


def place(task: Task, placement: Placement) -> Task:
    """Moves the task, in place, to the placement's device and memory format."""
    return task.to(placement.device).to(memory_format=placement.memory_format)


@contextmanager
def tuned(placement: Placement) -> Iterator[None]:
    """Inside, cuDNN picks each convolution's fastest algorithm, unless the caller asked for deterministic ones."""
    before = torch.backends.cudnn.benchmark
    if placement.device.type == "cuda" and not torch.backends.cudnn.deterministic:
        torch.backends.cudnn.benchmark = True
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before

"""The model file: one safetensors file that holds tensors, card and task, and can execute nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plusx.core.card import Card
from plusx.core.task import Task

NO_EXTRA: Mapping[str, Any] = {}


@dataclass(frozen=True)
class LoadedModel:
    """A task in evaluation mode with the weights of the file."""

    task: Task
    card: Card
    extra: Mapping[str, Any]


def save_model(path: Path, task: Task, card: Card, extra: Mapping[str, Any] = NO_EXTRA) -> None:
    """Write `task` and `card` to `path`, all or nothing: a file already there stays until the new one is complete.

    `extra`: JSON values that travel along. Raises `StorageError` when the disk refuses.
    """
    raise NotImplementedError


def load_model(path: Path, device: str = "cpu") -> LoadedModel:
    """The task of a model file, on `device`, in evaluation mode; every tensor bit for bit as it was saved.

    Raises `WeightsError` where the file is damaged or no plusx model file.
    """
    raise NotImplementedError

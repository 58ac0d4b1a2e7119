"""plusx models under other libraries' key names, so that those load them strictly."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Final, get_args

import torch
from torch import Tensor

from plusx.core.card import Card
from plusx.core.errors import WeightsError, unknown
from plusx.core.storage import replacing
from plusx.core.task import Task
from plusx.weights.counterparts import Counterpart, LayoutName, counterpart, momentum_of, why_not
from plusx.weights.dense_counterparts import dense_counterpart, renamed
from plusx.weights.modelfile import write_tensors

LOG: Final = logging.getLogger("plusx")


def save_as(path: Path, task: Task, layout: LayoutName, made: Card | None = None) -> str:
    """Write the task's tensors under `layout`'s names: safetensors, or `torch.save` where `path` ends in .pt or .pth.

    Returns the model's name in that library, which loads the file strictly and gives the outputs of `task(images)`, not
    yet decoded: logits, or standardised values. `made`: the card that the network was built by, so that an error can
    name its settings. Raises `WeightsError` where the library has no network built like this one, `StorageError` when
    the disk refuses.
    """
    if layout not in get_args(LayoutName):
        raise unknown("layout", layout, get_args(LayoutName))
    if type(task).dense:
        name, tensors = dense_counterpart(task, layout)
        _write(path, tensors)
        return name
    twin = counterpart(task.backbone, layout)
    if twin is None:
        raise WeightsError(why_not(task.backbone, layout, made))
    _write(path, renamed(task, twin.layout))
    _tell_momentum(task, twin)
    return twin.name


def _write(path: Path, tensors: Mapping[str, Tensor]) -> None:
    if path.suffix in (".pt", ".pth"):
        with replacing(path) as temporary:
            torch.save(tensors, temporary)
    else:
        write_tensors(path, tensors, {"format": "pt"})


def _tell_momentum(task: Task, twin: Counterpart) -> None:
    """The one setting that may differ, as the outputs do not depend on it."""
    ours, theirs = momentum_of(task.backbone), twin.settings["momentum"]
    if ours != theirs:
        text = "momentum of normalisation is %s here, %s in %s's %s: set it there before the network is trained further"
        LOG.warning(text, ours, theirs, twin.layout.name, twin.name)

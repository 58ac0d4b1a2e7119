"""plusx models under other libraries' key names, so that those load them strictly."""

from pathlib import Path
from typing import Literal

from plusx.core.task import Task

Layout = Literal["torchvision", "timm"]


def save_as(path: Path, task: Task, layout: Layout) -> None:
    """Write the task's tensors under `layout`'s names: safetensors, or `torch.save` where `path` ends in .pt or .pth.

    Raises `WeightsError` where the architecture has no counterpart there, `StorageError` when the disk refuses.
    """
    raise NotImplementedError

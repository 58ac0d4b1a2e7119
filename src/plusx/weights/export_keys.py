"""plusx models under other libraries' key names, so that those load them strictly."""

from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, get_args

import torch
from torch import Tensor, nn

from plusx.backbones.catalogue import Architecture, architecture
from plusx.backbones.count import parameters
from plusx.backbones.create import build
from plusx.core.backbone import Backbone
from plusx.core.errors import InputError, WeightsError, unknown
from plusx.core.storage import replacing
from plusx.core.task import Task
from plusx.weights.modelfile import write_tensors
from plusx.weights.sources.layout import Layout
from plusx.weights.sources.recognise import LAYOUTS

LayoutName = Literal["torchvision", "timm"]

COUNTERPARTS: Final = MappingProxyType(
    {
        library: MappingProxyType(
            {
                ours: theirs
                for layout in LAYOUTS
                if layout.name == library and not layout.built
                for ours, theirs in layout.counterparts.items()
            }
        )
        for library in get_args(LayoutName)
    }
)
"""Library → architecture here, with its own settings → its name there."""


def save_as(path: Path, task: Task, layout: LayoutName) -> str:
    """Write the task's tensors under `layout`'s names: safetensors, or `torch.save` where `path` ends in .pt or .pth.

    Returns the model's name in that library, which loads the file strictly and gives the outputs of `task(images)`, not
    yet decoded: logits, or standardised values. Raises `WeightsError` where it has no
    network built like this one, `StorageError` when the disk refuses.
    """
    if layout not in get_args(LayoutName):
        raise unknown("layout", layout, get_args(LayoutName))
    twin = counterpart(task, layout)
    if twin is None:
        raise WeightsError(
            f"{layout} has no network built like this one ({', '.join(COUNTERPARTS[layout])} have a counterpart, each "
            "with plusx's default settings and output stride 32). Save it as a plusx model file instead."
        )
    ours, names = twin
    tensors = renamed(task, names)
    if path.suffix in (".pt", ".pth"):
        with replacing(path) as temporary:
            torch.save(tensors, temporary)
    else:
        write_tensors(path, tensors, {"format": "pt"})
    return names.counterparts[ours]


def counterpart(task: Task, library: LayoutName) -> tuple[str, Layout] | None:
    """The architecture that is layer for layer this one, and that library's layout of it; None where there is none.

    Layers, strides, epsilons and biases are compared, not names and numbers of tensors: a network with its stride
    elsewhere would load without an error and answer wrongly.
    """
    first = next(part for part in task.backbone.modules() if isinstance(part, nn.Conv2d))
    wanted = str(task.backbone)
    for layout in (layout for layout in LAYOUTS if layout.name == library):
        for ours in layout.counterparts:
            if not layout.built and not _as_many_parameters(task.backbone, first, architecture(ours)):
                continue  # spares the time of building it
            with torch.device("meta"):
                twin = build(ours, in_channels=first.in_channels, **layout.built)
            if str(twin) == wanted:
                return ours, layout
    return None


def _as_many_parameters(backbone: Backbone, first: nn.Conv2d, found: Architecture) -> bool:
    """Whether the backbone has the architecture's, but for another number of input channels."""
    of_one_channel = first.weight[:, 0].numel()
    return parameters(backbone, found.outputs) - (first.in_channels - 3) * of_one_channel == found.parameters


def renamed(task: Task, layout: Layout) -> dict[str, Tensor]:
    """The task's tensors in `layout`; raises `InputError` for a task whose head is not the architecture's own."""
    tensors, state = {}, task.state_dict()
    for ours, theirs in layout.names(state).items():
        if not theirs:
            raise InputError(f"{ours} of the task {task.name} has no counterpart in {layout.name}")
        tensors[theirs[0]] = layout.exported(ours, state[ours].detach().cpu()).contiguous()
    return tensors

"""plusx models under other libraries' key names, so that those load them strictly."""

from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, get_args

import torch
from torch import Tensor

from plusx.backbones.catalogue import architecture
from plusx.backbones.create import build
from plusx.core.errors import InputError, WeightsError, unknown
from plusx.core.storage import replacing
from plusx.core.task import Task
from plusx.weights.modelfile import write_tensors
from plusx.weights.sources import timm, torchvision
from plusx.weights.sources.layout import Layout
from plusx.weights.sources.place import place
from plusx.weights.uninitialised import Uninitialised

LayoutName = Literal["torchvision", "timm"]

_RESNET: Final = (
    *("resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "wide_resnet50_2", "wide_resnet101_2"),
    *("resnext50_32x4d", "resnext101_32x8d", "resnext101_64x4d"),
)
_PREACT: Final = MappingProxyType({f"resnet{depth}_v2": f"resnetv2_{depth}" for depth in (18, 34, 50, 101, 152)})
COUNTERPARTS: Final = MappingProxyType(
    {
        "torchvision": MappingProxyType({name: name for name in _RESNET}),
        "timm": MappingProxyType({name: name for name in _RESNET} | dict(_PREACT)),
    }
)
"""Library → architecture here → its name there."""


def save_as(path: Path, task: Task, layout: LayoutName) -> str:
    """Write the task's tensors under `layout`'s names: safetensors, or `torch.save` where `path` ends in .pt or .pth.

    Returns the model's name in that library, which loads the file strictly and gives the outputs of `task(images)`, not
    yet decoded: logits, or standardised values. Raises `WeightsError` where it has no
    network built like this one, `StorageError` when the disk refuses.
    """
    if layout not in get_args(LayoutName):
        raise unknown("layout", layout, get_args(LayoutName))
    name = counterpart(task, layout)
    if name is None:
        raise WeightsError(
            f"{layout} has no network built like this one ({', '.join(COUNTERPARTS[layout])} have a counterpart, each "
            "with plusx's default settings and output stride 32). Save it as a plusx model file instead."
        )
    tensors = renamed(task, timm.LAYOUT if name.startswith("resnetv2") else torchvision.LAYOUT)
    if path.suffix in (".pt", ".pth"):
        with replacing(path) as temporary:
            torch.save(tensors, temporary)
    else:
        write_tensors(path, tensors, {"format": "pt"})
    return name


def counterpart(task: Task, layout: LayoutName) -> str | None:
    """The name, in that library, of the network that is layer for layer this one; None where there is none.

    Layers, strides, epsilons and biases are compared, not names and numbers of tensors: a network with its stride
    elsewhere would load without an error and answer wrongly.
    """
    tensors = task.state_dict()
    if not isinstance(first := tensors.get("backbone.conv1.conv.weight"), Tensor):
        return None
    spots = [place(name) for name in tensors]
    blocks = len({(spot.stage, spot.block) for spot in spots if spot is not None and spot.block})
    for ours, theirs in COUNTERPARTS[layout].items():
        if sum(architecture(ours).settings["depths"]) != blocks:
            continue
        with Uninitialised():
            twin = build(ours, in_channels=first.shape[1])
        if str(twin) == str(task.backbone):
            return theirs
    return None


def renamed(task: Task, layout: Layout) -> dict[str, Tensor]:
    """The task's tensors in `layout`; raises `InputError` for a task whose head is not one linear layer."""
    tensors = {}
    for name, tensor in task.state_dict().items():
        spot = place(name)
        if spot is None or not (names := layout.names(spot)):
            raise InputError(f"{name} of the task {task.name} has no counterpart in {layout.name}")
        tensors[names[0]] = layout.exported(spot, tensor.detach().cpu()).contiguous()
    return tensors

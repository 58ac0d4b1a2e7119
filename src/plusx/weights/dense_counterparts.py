"""Which network of torchvision for boxes or masks is layer for layer one of ours, and its tensors by those names."""

from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor, nn

from plusx.backbones.catalogue import architecture
from plusx.backbones.create import build
from plusx.core.backbone import Backbone
from plusx.core.errors import InputError, WeightsError
from plusx.core.task import Task
from plusx.tasks import create as tasks
from plusx.weights.local import told_of
from plusx.weights.sources.faster_rcnn import LAYOUT, NO_EPS, version
from plusx.weights.sources.layout import Layout
from plusx.weights.sources.recognise import LAYOUTS

EPS: Final = 1e-5
"""Of normalisation in torchvision's detectors before weights are loaded."""


def renamed(task: Task, layout: Layout) -> dict[str, Tensor]:
    """The task's tensors in `layout`; raises `InputError` for a task whose head is not the layout's."""
    tensors, state = {}, task.state_dict() | _with_epsilon(task.backbone)
    for ours, theirs in layout.names(state).items():
        if not theirs:
            raise InputError(f"{ours} of the task {task.name} has no counterpart in {layout.name}")
        tensors[theirs[0]] = layout.exported(ours, state[ours].detach().cpu()).contiguous()
    return tensors


def dense_counterpart(task: Task, library: str) -> tuple[str, dict[str, Tensor]]:
    """The library's name of the network, and the task's tensors by its names.

    The file is read as if it came from there: that has to give this network, with its strides, dilations, epsilons and
    anchors. WeightsError where it does not.
    """
    for layout in LAYOUTS:
        for name, theirs in layout.dense_counterparts.items() if layout.name == library else ():
            try:
                tensors = renamed(task, layout) if _of_these_layers(task.backbone, layout, name) else None
            except InputError:  # another head
                continue
            if tensors is not None and _same(task, layout, name, tensors):
                second = layout is LAYOUT and version(tensors) == 2
                return f"{theirs}_v2" if second else theirs, tensors
    known = [name for one in LAYOUTS if one.name == library for name in one.dense_counterparts.values()]
    there = f"; it has {', '.join(known)}" if known else ""
    raise WeightsError(
        f"{library} has no network for boxes or masks built like this one{there}. To use this network as it is, keep "
        "the plusx model file, or export it (plusx export)."
    )


def _of_these_layers(backbone: Backbone, layout: Layout, name: str) -> bool:
    with torch.device("meta"):
        twin = build(name, **layout.built)
    return twin.state_dict().keys() == backbone.state_dict().keys()


def _with_epsilon(backbone: Backbone) -> dict[str, Tensor]:
    """The gains of normalisation with ε = 0, as published detectors have it, that give the same with the usual ε."""
    return {
        f"backbone.{name}.weight": layer.weight * ((layer.running_var + EPS) / layer.running_var).sqrt()
        for name, layer in backbone.named_modules()
        if isinstance(layer, nn.BatchNorm2d) and layer.eps == NO_EPS and layer.running_var is not None
    }


def _same(task: Task, layout: Layout, name: str, tensors: Mapping[str, Tensor]) -> bool:
    head = layout.dense(tensors)
    if head is None or head.task != task.name:
        return False
    settings = told_of(tensors, architecture(name), layout)
    with torch.device("meta"):
        backbone = build(name, output_stride=head.output_stride, **settings)
        twin = tasks.create(head.task, backbone, {**head.settings, "classes": list(map(str, range(head.classes)))})
    wanted = str(task.backbone).replace(f"eps={NO_EPS}", f"eps={EPS}")
    alike = str(twin.backbone) == wanted and str(twin.head) == str(task.head)
    return alike and getattr(twin.head, "config", None) == getattr(task.head, "config", None)

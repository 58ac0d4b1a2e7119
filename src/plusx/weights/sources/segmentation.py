"""torchvision's names of segmentation networks (torchvision/models/segmentation): backbone, classifier, aux_classifier.

A backbone's own names without its classifier; of a MobileNet, those below `features`.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Final

from plusx.weights.sources.layout import DenseHead, Layout, Names, Tensors, padded
from plusx.weights.sources.resnet import torchvision

MAIN, AUXILIARY = "head.main.", "head.auxiliary."

FCN_LAYERS: Final = MappingProxyType({"layers.conv": "0", "layers.norm": "1", "score": "4"})
ASPP_LAYERS: Final = MappingProxyType(
    {
        "branches.0.conv": "convs.0.0",
        **{f"branches.{branch}.norm": f"convs.{branch}.1" for branch in range(4)},
        "branches.4.conv": "convs.4.1",
        "branches.4.norm": "convs.4.2",
        "project.conv": "project.0",
        "project.norm": "project.1",
    }
)
"""Of atrous pyramid pooling, but for the 3×3."""
DEEPLABV3_LAYERS: Final = MappingProxyType(
    {
        **{f"aspp.{ours}": f"0.{theirs}" for ours, theirs in ASPP_LAYERS.items()},
        **{f"aspp.branches.{branch}.conv": f"0.convs.{branch}.0" for branch in (1, 2, 3)},
        "layer.conv": "1",
        "layer.norm": "2",
        "score": "4",
    }
)


def of_layers(tensor: str, prefix: str, layers: Mapping[str, str], there: str) -> tuple[str, ...]:
    """The name of a tensor below `prefix` by a table of its layers, put below `there`; none for other tensors."""
    if not tensor.startswith(prefix):
        return ()
    layer, _, variable = tensor.removeprefix(prefix).rpartition(".")
    return (f"{there}{layers[layer]}.{variable}",) if layer in layers else ()


def names(layers: Mapping[str, str], tensors: Iterable[str]) -> Names:
    """Of a dilated ResNet and a head of these layers."""
    tensors = list(tensors)
    body = torchvision.LAYOUT.names([tensor for tensor in tensors if tensor.startswith("backbone.")])
    return {
        tensor: tuple(f"backbone.{name}" for name in body[tensor])
        if tensor in body
        else of_layers(tensor, MAIN, layers, "classifier.")
        or of_layers(tensor, AUXILIARY, FCN_LAYERS, "aux_classifier.")
        for tensor in tensors
    }


def is_head(name: str) -> bool:
    """Whether a tensor of the file belongs to one of the heads."""
    return name.startswith(("classifier.", "aux_classifier."))


def _recognise(mark: str, tensors: Tensors) -> bool:
    return "backbone.layer4.0.conv1.weight" in tensors and "classifier.4.weight" in tensors and mark in tensors


def _dense(head: str, tensors: Tensors) -> DenseHead:
    settings = {"head": head, "auxiliary": "aux_classifier.4.weight" in tensors}
    return DenseHead("segment", settings, tensors["classifier.4.weight"].shape[0], padded(520), output_stride=8)


def _layout(head: str, layers: Mapping[str, str], mark: str) -> Layout:
    known: Callable[[Tensors], bool] = partial(_recognise, mark)
    return Layout(
        "torchvision",
        torchvision.MODULES,
        known,
        partial(names, layers),
        is_head=is_head,
        dense=partial(_dense, head),
    )


FCN: Final = _layout("fcn", FCN_LAYERS, "classifier.0.weight")
DEEPLABV3: Final = _layout("deeplabv3", DEEPLABV3_LAYERS, "classifier.0.convs.0.0.weight")

"""torchvision's names of segmentation networks (torchvision/models/segmentation): backbone, classifier, aux_classifier.

A backbone's own names without its classifier; of a MobileNet, those below `features`.
"""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Final

from plusx.weights.sources.layout import DenseHead, Layout, Tensors, below, padded, with_body
from plusx.weights.sources.mobilenet import torchvision as mobilenet
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

LRASPP_LAYERS: Final = MappingProxyType(
    {
        "layer.conv": "cbr.0",
        "layer.norm": "cbr.1",
        "gate.conv": "scale.1",
        "score_low": "low_classifier",
        "score": "high_classifier",
    }
)


def of_layers(tensor: str, prefix: str, layers: Mapping[str, str], there: str) -> tuple[str, ...]:
    """The name of a tensor below `prefix` by a table of its layers, put below `there`; none for other tensors."""
    if not tensor.startswith(prefix):
        return ()
    layer, _, variable = tensor.removeprefix(prefix).rpartition(".")
    return (f"{there}{layers[layer]}.{variable}",) if layer in layers else ()


def _of_head(layers: Mapping[str, str], tensor: str) -> tuple[str, ...]:
    return of_layers(tensor, MAIN, layers, "classifier.") or of_layers(tensor, AUXILIARY, FCN_LAYERS, "aux_classifier.")


def is_head(name: str) -> bool:
    """Whether a tensor of the file belongs to one of the heads."""
    return name.startswith(("classifier.", "aux_classifier."))


def _recognise(first: str, last: str, tensors: Tensors) -> bool:
    return {f"backbone.{first}.weight", f"classifier.{last}.weight"} <= tensors.keys()


def _dense(head: str, tensors: Tensors) -> DenseHead:
    settings = {"head": head, "auxiliary": "aux_classifier.4.weight" in tensors}
    return DenseHead("segment", settings, tensors["classifier.4.weight"].shape[0], padded(520), output_stride=8)


def _of_resnet(head: str, layers: Mapping[str, str], mark: str) -> Layout:
    return Layout(
        "torchvision",
        torchvision.MODULES,
        partial(_recognise, "layer4.0.conv1", mark),
        with_body(torchvision.LAYOUT, below("backbone."), partial(_of_head, layers)),
        is_head=is_head,
        dense=partial(_dense, head),
        dense_counterparts={name: f"{head}_{name}" for name in ("resnet50", "resnet101")},
    )


FCN: Final = _of_resnet("fcn", FCN_LAYERS, "0")
DEEPLABV3: Final = _of_resnet("deeplabv3", DEEPLABV3_LAYERS, "0.convs.0.0")


def is_auxiliary(name: str) -> bool:
    """Whether a tensor of the file belongs to the head of deep supervision."""
    return name.startswith("aux_classifier.")


def _dense_mobilenet(head: str, scores: str, tensors: Tensors) -> DenseHead:
    settings = {"head": head, "rates": [12, 24, 36]} if head == "deeplabv3" else {"head": head}
    left_out = "the auxiliary head, which is on a map inside a stage" if any(map(is_auxiliary, tensors)) else ""
    return DenseHead("segment", settings, tensors[scores].shape[0], padded(520), 16, left_out)


def _of_mobilenet(head: str, layers: Mapping[str, str], mark: str, scores: str) -> Layout:
    return Layout(
        "torchvision",
        mobilenet.V3.modules,
        partial(_recognise, "1.block.0.0", mark),
        with_body(mobilenet.V3, below("backbone."), partial(_of_head, layers)),
        is_head=is_head,
        is_extra=is_auxiliary,
        built={"spread_strided": True, "late_ends": True},
        dense=partial(_dense_mobilenet, head, f"classifier.{scores}.weight"),
        dense_counterparts={"mobilenet_v3_large": f"{head}_mobilenet_v3_large"},
    )


MOBILE_DEEPLABV3: Final = _of_mobilenet("deeplabv3", DEEPLABV3_LAYERS, "0.convs.0.0", "4")
LRASPP: Final = _of_mobilenet("lraspp", LRASPP_LAYERS, "low_classifier", "high_classifier")

"""timm's names of the pre-activated ResNet (timm/models/resnetv2.py). Its ResNet is named as torchvision's.

stem.conv; stages.0..3, blocks.0.., with norm1, conv1, norm2, ...: a number of `norm` comes before that of `conv`;
downsample.conv; norm; head.fc, a 1×1 convolution.
"""

from types import MappingProxyType
from typing import Final

from torch import Tensor

from plusx.weights.sources.layout import Layout, Tensors, one_by_one
from plusx.weights.sources.resnet import torchvision
from plusx.weights.sources.resnet.place import Place, by_place

COUNTERPARTS: Final = MappingProxyType({f"resnet{depth}_v2": f"resnetv2_{depth}" for depth in (18, 34, 50, 101, 152)})


def names(place: Place) -> tuple[str, ...]:
    """The name there."""
    block = f"stages.{place.stage - 2}.blocks.{place.block - 1}"
    match place.role:
        case "stem":
            owner = "stem.conv"
        case "preact":
            owner = f"{block}.norm1"
        case "F":
            owner = f"{block}.conv{place.layer}" if place.kind == "conv" else f"{block}.norm{place.layer + 1}"
        case "shortcut":
            owner = f"{block}.downsample.conv"
        case "final":
            owner = "norm"
        case "head":
            owner = "head.fc"
        case "se":
            return ()
    return (f"{owner}.{place.variable}",)


def recognise(tensors: Tensors) -> bool:
    """A pre-activated block."""
    return "stages.0.blocks.0.norm1.weight" in tensors


def imported(name: str, array: Tensor) -> Tensor:
    """The head's 1×1 convolution as a matrix."""
    return array.flatten(1) if name == "head.fc.weight" and array.ndim == 4 else array


def exported(name: str, array: Tensor) -> Tensor:
    """The head's matrix as a 1×1 convolution."""
    return array[:, :, None, None] if name == "head.fc.weight" and array.ndim == 2 else array


LAYOUT = Layout(
    "timm",
    frozenset({"preact"}),
    recognise,
    one_by_one(by_place(names)),
    imported,
    exported,
    counterparts=COUNTERPARTS,
)
RESNET = Layout(
    "timm",
    torchvision.MODULES,
    torchvision.recognise,
    one_by_one(by_place(torchvision.names)),
    counterparts=torchvision.COUNTERPARTS,
)

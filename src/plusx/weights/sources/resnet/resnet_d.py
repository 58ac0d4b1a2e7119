"""timm's names of ResNet-D (timm/models/resnet.py): torchvision's, but for stem and shortcut.

The stem is conv1.0, conv1.1 (norm), conv1.3, conv1.4 (norm), conv1.6 and, for the norm of the last, bn1; a shortcut
begins with its pooling, so that the convolution is downsample.1 and its norm downsample.2.
"""

from types import MappingProxyType
from typing import Final

from plusx.weights.sources.layout import Layout, Tensors, one_by_one
from plusx.weights.sources.resnet import torchvision
from plusx.weights.sources.resnet.place import Place, by_place

COUNTERPARTS: Final = MappingProxyType(
    {f"resnet{depth}_d": f"resnet{depth}d" for depth in (18, 26, 34, 50, 101, 152, 200)}
)


def names(place: Place) -> tuple[str, ...]:
    """The name there."""
    norm = place.kind == "norm"
    match place.role:
        case "stem":
            owner = "bn1" if norm and place.layer == 3 else f"conv1.{3 * (place.layer - 1) + norm}"
        case "shortcut":
            owner = f"layer{place.stage - 1}.{place.block - 1}.downsample.{1 + norm}"
        case _:
            return torchvision.names(place)
    return (f"{owner}.{place.variable}",)


def recognise(tensors: Tensors) -> bool:
    """Four stages behind three convolutions."""
    return "layer4.0.conv1.weight" in tensors and "conv1.6.weight" in tensors


LAYOUT = Layout("timm", frozenset({"resnet_d"}), recognise, one_by_one(by_place(names)), counterparts=COUNTERPARTS)

"""torchvision's names of ResNet, ResNeXt and Wide ResNet (torchvision/models/resnet.py); timm's ResNet has the same.

conv1, bn1; layer1..layer4, blocks from 0, with conv1, bn1, conv2, ...; downsample.0 and .1; fc.
"""

from types import MappingProxyType
from typing import Final

from plusx.weights.sources.layout import Layout, Tensors, one_by_one
from plusx.weights.sources.resnet.place import Place, by_place

COUNTERPARTS: Final = MappingProxyType(
    {
        name: name
        for name in (
            *("resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "wide_resnet50_2", "wide_resnet101_2"),
            *("resnext50_32x4d", "resnext101_32x8d", "resnext101_64x4d"),
        )
    }
)


def names(place: Place, *, shortcut: str = "downsample", head: str = "fc") -> tuple[str, ...]:
    """The name there; the pre-activated network has none."""
    block = f"layer{place.stage - 1}.{place.block - 1}"
    match place.role:
        case "stem":
            owner = {"conv": "conv1", "norm": "bn1"}[place.kind]
        case "F":
            owner = f"{block}.{'conv' if place.kind == 'conv' else 'bn'}{place.layer}"
        case "shortcut":
            owner = f"{block}.{shortcut}.{0 if place.kind == 'conv' else 1}"
        case "head":
            owner = head
        case _:
            return ()
    return (f"{owner}.{place.variable}",)


def recognise(tensors: Tensors) -> bool:
    """Four stages behind a convolution of 7×7."""
    return "layer4.0.conv1.weight" in tensors and "conv1.weight" in tensors


MODULES: Final = frozenset({"resnet", "resnext"})

LAYOUT = Layout("torchvision", MODULES, recognise, one_by_one(by_place(names)), counterparts=COUNTERPARTS)

"""torchvision's names of MobileNetV2 and V3 (torchvision/models/mobilenetv2.py, mobilenetv3.py).

features.0 the stem, features.1.. the blocks, then the last convolution, each convolution and normalisation .0 and .1.
In V2 a block is `conv`, whose projection is not wrapped: conv.2, conv.3. In V3 it is `block`, with fc1 and fc2.
"""

from types import MappingProxyType
from typing import Final

from plusx.weights.sources.layout import Layout, Tensors
from plusx.weights.sources.mobilenet.place import Place, by_place

_INDEX: Final = {"conv": "0", "norm": "1", "reduce": "fc1", "expand": "fc2"}


def names_v2(place: Place) -> tuple[str, ...]:
    """The name there."""
    match place.part:
        case "head":
            owner = "classifier.1"
        case "hidden":
            return ()
        case "block" if place.layer == "project":
            owner = f"features.{place.block + 1}.conv.{place.before + (place.kind == 'norm')}"
        case "block":
            owner = f"features.{place.block + 1}.conv.{place.before}.{_INDEX[place.kind]}"
        case _:
            owner = f"features.{_end(place)}.{_INDEX[place.kind]}"
    return (f"{owner}.{place.variable}",)


def names_v3(place: Place) -> tuple[str, ...]:
    """The name there."""
    match place.part:
        case "hidden":
            owner = "classifier.0"
        case "head":
            owner = "classifier.3"
        case "block":
            owner = f"features.{place.block + 1}.block.{place.before}.{_INDEX[place.kind]}"
        case _:
            owner = f"features.{_end(place)}.{_INDEX[place.kind]}"
    return (f"{owner}.{place.variable}",)


def _end(place: Place) -> int:
    return 0 if place.part == "stem" else place.blocks + 1


def recognise_v2(tensors: Tensors) -> bool:
    """A first block `conv`."""
    return "features.0.0.weight" in tensors and "features.1.conv.0.0.weight" in tensors


def recognise_v3(tensors: Tensors) -> bool:
    """A first block `block`."""
    return "features.0.0.weight" in tensors and "features.1.block.0.0.weight" in tensors


V2 = Layout(
    "torchvision",
    frozenset({"mobilenet_v2"}),
    recognise_v2,
    by_place(names_v2),
    counterparts=MappingProxyType({"mobilenet_v2": "mobilenet_v2"}),
)
V3 = Layout(
    "torchvision",
    frozenset({"mobilenet_v3"}),
    recognise_v3,
    by_place(names_v3),
    counterparts=MappingProxyType({name: name for name in ("mobilenet_v3_large", "mobilenet_v3_small")}),
)

"""timm's names of Xception (timm/models/xception.py) and of Aligned Xception (timm/models/xception_aligned.py).

The former: conv1, bn1, conv2, bn2; block1, ... with `rep`, where ReLUs are counted too, skip, skipbn; conv3, bn3,
conv4, bn4; fc. The latter: stem.0, stem.1; blocks.0, ... with stack.conv1, ... and shortcut; head.fc.
"""

from types import MappingProxyType
from typing import Final

from torch import Tensor

from plusx.weights.sources.layout import Layout, Tensors
from plusx.weights.sources.xception.place import Place, by_place

ALIGNED: Final = ("xception41", "xception65", "xception71")


def names(place: Place) -> tuple[str, ...]:
    """The name there; the head has another in files from before timm."""
    suffix = "bn" if place.kind == "norm" else "conv"
    half = {"": "", "depthwise": ".conv1", "pointwise": ".pointwise"}[place.half]
    match place.role:
        case "stem":
            owners: tuple[str, ...] = (f"{suffix}{place.layer}",)
        case "F":
            first = 0 if place.block == 1 else 1  # the first block does not begin with a ReLU
            index = first + 3 * (place.layer - 1) + (1 if place.kind == "norm" else 0)
            owners = (f"block{place.block}.rep.{index}{half}",)
        case "shortcut":
            owners = (f"block{place.block}.skip{'bn' if place.kind == 'norm' else ''}",)
        case "last":
            owners = (f"{suffix}{place.layer + 2}{half}",)
        case "head":
            owners = ("fc", "last_linear")
    return tuple(f"{owner}.{place.variable}" for owner in owners)


def aligned_names(place: Place) -> tuple[str, ...]:
    """The name there."""
    suffix = "bn" if place.kind == "norm" else "conv"
    match place.role:
        case "stem":
            owner = f"stem.{place.layer - 1}.{suffix}"
        case "F" | "last":
            half = {"": "", "depthwise": "_dw", "pointwise": "_pw"}[place.half]
            owner = f"blocks.{place.block - 1}.stack.conv{place.layer}.{suffix}{half}"
        case "shortcut":
            owner = f"blocks.{place.block - 1}.shortcut.{suffix}"
        case "head":
            owner = "head.fc"
    return (f"{owner}.{place.variable}",)


def recognise(tensors: Tensors) -> bool:
    """The exit flow's block and the layers behind it."""
    return "block12.skip.weight" in tensors and "conv4.pointwise.weight" in tensors


def recognise_aligned(tensors: Tensors) -> bool:
    """A separable convolution in a block of three."""
    return "blocks.0.stack.conv3.conv_dw.weight" in tensors and "blocks.0.stack.conv3.bn_dw.weight" in tensors


def imported(name: str, array: Tensor) -> Tensor:
    """1×1 convolutions that older files have as matrices."""
    return array[:, :, None, None] if ".pointwise." in name and array.ndim == 2 else array


LAYOUT = Layout(
    "timm",
    frozenset({"xception"}),
    recognise,
    by_place(names),
    imported,
    counterparts=MappingProxyType({"xception": "legacy_xception"}),
    built=MappingProxyType({"stem_padding": "valid"}),
)
ALIGNED_LAYOUT = Layout(
    "timm",
    frozenset({"aligned_xception"}),
    recognise_aligned,
    by_place(aligned_names),
    counterparts=MappingProxyType({name: name for name in ALIGNED}),
)

"""Keras' names of Xception (keras/src/applications/xception.py).

block1_conv1, block1_conv1_bn, block1_conv2, ...; block2_sepconv1, block2_sepconv1_bn, ... up to block14_sepconv2;
predictions. Shortcuts have no name of their own: conv2d, batch_normalization, numbered through in the order of blocks,
from 0 or 1 or from wherever the program was. The published file is older still: its variables repeat the layer's name
and have those of Keras 1.
"""

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from plusx.weights.sources.keras import (
    HEADS,
    VARIABLES,
    keras_layout,
    with_layers_renamed,
)
from plusx.weights.sources.layout import Tensors
from plusx.weights.sources.xception.place import Place, by_place

HALVING: Final = (2, 3, 4, 13)
MIDDLE: Final = tuple(range(5, 13))

KERAS_1: Final[Mapping[str, str]] = MappingProxyType(
    {"W": "kernel", "b": "bias", "running_mean": "moving_mean", "running_std": "moving_variance"}
)
"""What Keras 1 called variables; its running_std is the variance too."""

_KINDS: Final = MappingProxyType({"conv": "kernel", "sepconv": "pointwise_kernel", "norm": "gamma"})
"""Kind of layer → the variable that tells it."""


def names(place: Place) -> tuple[str, ...]:
    """The names there, `layer/variable`; the count of batches has none."""
    variable = VARIABLES[place.kind].get(place.variable)
    if variable is None:
        return ()
    norm, half = "_bn" if place.kind == "norm" else "", f"{place.half}_" if place.half else ""
    match place.role:
        case "stem":
            layers: tuple[str, ...] = (f"block1_conv{place.layer}{norm}",)
        case "F" | "last":
            layers = (f"block{place.block + 1}_sepconv{place.layer}{norm}",)
        case "shortcut":
            layers = (f"block{place.block + 1}_shortcut{norm}",)
        case "head":
            layers = HEADS
    return tuple(f"{layer}/{half}{variable}" for layer in layers)


def convolutions() -> list[str]:
    """The names of all convolutions in the order in which Keras lists them; that of a shortcut follows its block's."""
    layers = ["block1_conv1", "block1_conv2"]
    for block in sorted((*HALVING, *MIDDLE, 14)):
        layers += [f"block{block}_sepconv{number}" for number in range(1, 4 if block in MIDDLE else 3)]
        layers += [f"block{block}_shortcut"] if block in HALVING else []
    return layers


def recognise(tensors: Tensors) -> bool:
    """As many separable convolutions, whatever the layers are called."""
    wanted = sum(1 for layer in convolutions() if "sepconv" in layer)
    return sum(1 for name in tensors if name.endswith("pointwise_kernel")) == wanted


def ordered(tensors: Tensors) -> Tensors:
    """Variables as Keras names them today; layers without a name of their own under that of their place."""
    tensors = {_today(name): tensor for name, tensor in tensors.items()}
    usual = convolutions()
    renamed: dict[str, str] = {}
    for kind, places in (
        ("conv", [layer for layer in usual if "sepconv" not in layer]),
        ("sepconv", [layer for layer in usual if "sepconv" in layer]),
        ("norm", [f"{layer}_bn" for layer in usual]),
    ):
        layers = [
            name.rpartition("/")[0]
            for name, tensor in tensors.items()
            if name.endswith(f"/{_KINDS[kind]}") and tensor.ndim != 2
        ]
        free = [place for place in places if place not in layers]
        renamed |= dict(zip(_by_number(layer for layer in layers if layer not in places), free, strict=False))
    return with_layers_renamed(tensors, renamed)


def _today(name: str) -> str:
    """`block1_conv1/block1_conv1_W` → `block1_conv1/kernel`."""
    layer, _, variable = name.rpartition("/")
    variable = variable.removeprefix(f"{layer}_")
    return f"{layer}/{KERAS_1.get(variable, variable)}"


def _by_number(layers: Iterable[str]) -> list[str]:
    """conv2d, conv2d_1, ..., conv2d_10."""
    return sorted(layers, key=lambda layer: int((re.findall(r"_(\d+)$", layer) or ["0"])[0]))


LAYOUT = keras_layout(frozenset({"xception"}), recognise, by_place(names), ordered=ordered)

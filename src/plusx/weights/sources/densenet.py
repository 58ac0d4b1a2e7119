"""Names of DenseNet in torchvision and timm (models/densenet.py) and in Keras (keras/src/applications/densenet.py).

torchvision and timm: features.conv0, norm0; features.denseblock1.denselayer1.norm1, conv1, norm2, conv2 (`norm.1`, ...
in the files that torchvision publishes); features.transition1.norm, conv; features.norm5; classifier.

Keras: conv1_conv, conv1_bn (`conv1/conv`, `conv1/bn` in the published files); conv2_block1_0_bn, _1_conv, _1_bn,
_2_conv; pool2_bn, pool2_conv; bn; predictions (`fc1000` there).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from plusx.weights.sources.keras import (
    HEADS,
    VARIABLES,
    keras_layout,
    kernel_sizes,
    numbered,
    with_layers_renamed,
)
from plusx.weights.sources.layout import Layout, Tensors, at_places, one_by_one

_MODULES: Final = frozenset({"densenet"})
_COUNTERPARTS: Final = MappingProxyType({f"densenet{depth}": f"densenet{depth}" for depth in (121, 161, 169, 201)})
_NAME: Final = re.compile(
    r"backbone\."
    r"(?:(?P<stem>conv1)|dense(?P<block>\d+)\.(?:block\.layer(?P<layer>\d+)\.)?"
    r"(?P<role>bottleneck|growth|transition|final))"
    r"\.(?P<kind>conv|norm)\.(?P<variable>\w+)"
    r"|head\.fc\.(?P<of_head>\w+)"
)


@dataclass(frozen=True)
class Place:
    """Where a tensor sits. `role`: stem, bottleneck, growth, transition, final or head; `kind`: conv, norm or fc.

    `block` as in dense1 (a transition belongs to the block behind it), `layer` from 1; 0 where there is none.
    """

    role: str
    kind: str
    variable: str
    block: int = 0
    layer: int = 0


def place(name: str) -> Place | None:
    """The place of a tensor of a task, `backbone.dense1.block.layer1.growth.conv.weight`; None for other names."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    if match["of_head"]:
        return Place("head", "fc", match["of_head"])
    role = "stem" if match["stem"] else match["role"]
    return Place(role, match["kind"], match["variable"], int(match["block"] or 0), int(match["layer"] or 0))


def torchvision_names(spot: Place) -> tuple[str, ...]:
    """The name there, and for layers that of the published files."""
    layer = f"features.denseblock{spot.block}.denselayer{spot.layer}.{spot.kind}"
    owners = {
        "stem": (f"features.{spot.kind}0",),
        "bottleneck": (f"{layer}1", f"{layer}.1"),
        "growth": (f"{layer}2", f"{layer}.2"),
        "transition": (f"features.transition{spot.block - 1}.{spot.kind}",),
        "final": ("features.norm5",),
        "head": ("classifier",),
    }
    return tuple(f"{owner}.{spot.variable}" for owner in owners[spot.role])


def keras_names(spot: Place) -> tuple[str, ...]:
    """The names there, `layer/variable`; the count of batches has none."""
    variable = VARIABLES[spot.kind].get(spot.variable)
    if variable is None:
        return ()
    layer, suffix = f"conv{spot.block + 1}_block{spot.layer}", "conv" if spot.kind == "conv" else "bn"
    owners = {
        "stem": (f"conv1_{suffix}", f"conv1/{suffix}"),
        "bottleneck": (f"{layer}_1_conv" if spot.kind == "conv" else f"{layer}_0_bn",),
        "growth": (f"{layer}_2_conv" if spot.kind == "conv" else f"{layer}_1_bn",),
        "transition": (f"pool{spot.block}_{suffix}",),
        "final": ("bn",),
        "head": (*HEADS, "fc1000"),
    }
    return tuple(f"{owner}/{variable}" for owner in owners[spot.role])


def recognise_torchvision(tensors: Tensors) -> bool:
    """A dense layer, with the names of now or of the published files."""
    layer = "features.denseblock1.denselayer1"
    return f"{layer}.norm1.weight" in tensors or f"{layer}.norm.1.weight" in tensors


def recognise_keras(tensors: Tensors) -> bool:
    """A normalisation before the first layer of a block, which has no projection; or, where the file tells no names,
    a 3×3 convolution that leaves a quarter of its maps behind the first 1×1, and a normalisation more than layers."""
    if "conv2_block1_0_bn/gamma" in tensors:
        return "conv2_block1_0_conv/kernel" not in tensors
    convolutions, norms = numbered(tensors, "conv2d"), numbered(tensors, "batch_normalization")
    if kernel_sizes(tensors, convolutions)[:3] != [7, 1, 3] or len(norms) != len(convolutions) + 1:
        return False
    _, _, maps, growth = tensors[f"{convolutions[2]}/kernel"].shape
    return maps == 4 * growth


def keras_ordered(tensors: Tensors) -> Tensors:
    """Numbered layers (`conv2d_3`) under their names, by the order in which Keras lists the layers of its models."""
    if "conv2_block1_0_bn/gamma" in tensors:
        return tensors
    convolutions, norms = numbered(tensors, "conv2d"), numbered(tensors, "batch_normalization")
    layers = convolution_order(kernel_sizes(tensors, convolutions))
    renamed = dict(zip(convolutions, layers, strict=True)) | dict(zip(norms, norm_order(layers), strict=True))
    return with_layers_renamed(tensors, renamed)


def convolution_order(kernels: Sequence[int]) -> list[str]:
    """The names of convolutions with kernels of these sizes: 7; then 1, 3 a layer; a 1 without a 3 between blocks."""
    names, block, layer = ["conv1_conv"], 2, 0
    for size, following in zip(kernels[1:], [*kernels[2:], 0], strict=True):
        if size == 3:
            names.append(f"conv{block}_block{layer}_2_conv")
        elif following == 3:
            layer += 1
            names.append(f"conv{block}_block{layer}_1_conv")
        else:
            names.append(f"pool{block}_conv")
            block, layer = block + 1, 0
    return names


def norm_order(convolutions: Sequence[str]) -> list[str]:
    """The names of the normalisations: one behind the first convolution, one before each of the others, one at last."""
    names = ["conv1_bn"]
    for name in convolutions[1:]:
        owner = name.removesuffix("_conv")
        block, _, layer = owner.rpartition("_")
        names.append(f"{block}_{int(layer) - 1}_bn" if block else f"{owner}_bn")
    return [*names, "bn"]


_TORCHVISION: Final = one_by_one(at_places(place, torchvision_names))

TORCHVISION: Final = Layout("torchvision", _MODULES, recognise_torchvision, _TORCHVISION, counterparts=_COUNTERPARTS)
TIMM: Final = Layout("timm", _MODULES, recognise_torchvision, _TORCHVISION, counterparts=_COUNTERPARTS)
KERAS: Final = keras_layout(_MODULES, recognise_keras, one_by_one(at_places(place, keras_names)), ordered=keras_ordered)

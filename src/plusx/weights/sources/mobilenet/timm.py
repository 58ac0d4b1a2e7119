"""timm's names of MobileNet V1, V2 and V3 (timm/models/efficientnet.py, mobilenetv3.py, _efficientnet_blocks.py).

conv_stem, bn1; blocks.0.., a group for each width of the papers' tables; a block with expansion is conv_pw, bn1,
conv_dw, bn2, se, conv_pwl, bn3, one without conv_dw, bn1, se, conv_pw, bn2. The last convolution is conv_head, bn2 in
V2 and a group of its own in V3, where conv_head is the layer after the pooling, a 1×1 convolution. classifier.
"""

from dataclasses import replace
from types import MappingProxyType
from typing import Final

from torch import Tensor

from plusx.weights.sources.layout import Layout, Tensors
from plusx.weights.sources.mobilenet.place import Place, by_place

_FIRST_OF_CONV4: Final = {5: 3, 6: 4, 7: 4, 9: 5, 11: 6}
"""Blocks in conv4 → how many of them have its first width: V3-Small; V3-Large; V2 and its deeper forms."""

_SQUEEZE: Final = {"reduce": "se.conv_reduce", "expand": "se.conv_expand"}
_EXPANDED: Final = {"expand": ("conv_pw", "bn1"), "depthwise": ("conv_dw", "bn2"), "project": ("conv_pwl", "bn3")}
_NARROW: Final = {"depthwise": ("conv_dw", "bn1"), "pointwise": ("conv_pw", "bn2"), "project": ("conv_pw", "bn2")}


def names_v1(place: Place) -> tuple[str, ...]:
    """The name there."""
    match place.part:
        case "hidden" | "last":
            return ()
        case "block":
            return (_in_block(place, place.stage - 1, place.within - 1),)
        case _:
            return (_around(place),)


def names_v2(place: Place) -> tuple[str, ...]:
    """The name there."""
    match place.part:
        case "hidden":
            return ()
        case "block":
            group, index = _group(place)
            if place.stage == 5 and place.within == place.depth:  # Table 2 ends with one block of 320 maps
                group, index = group + 1, 0
            return (_in_block(place, group, index),)
        case "last":
            return (f"{'conv_head' if place.kind == 'conv' else 'bn2'}.{place.variable}",)
        case _:
            return (_around(place),)


def names_v3(place: Place) -> tuple[str, ...]:
    """The name there."""
    small = place.blocks == 11  # Table 2, whose first block halves the map and so begins conv2
    match place.part:
        case "block":
            group, index = _group(place)
            return (_in_block(place, group - small, index),)
        case "last":
            return (f"blocks.{6 - small}.0.{'conv' if place.kind == 'conv' else 'bn1'}.{place.variable}",)
        case _:
            return (_around(place),)


def _group(place: Place) -> tuple[int, int]:
    """Group and index of a block, both from 0."""
    group, index = place.stage - 1, place.within - 1
    if place.stage == 4 and index >= (first := _FIRST_OF_CONV4.get(place.depth, place.depth)):
        return group + 1, index - first
    return group + (place.stage == 5), index


def _in_block(place: Place, group: int, index: int) -> str:
    if place.layer == "squeeze_excite":
        layer = _SQUEEZE[place.kind]
    else:
        layer = (_EXPANDED if "expand" in place.layers else _NARROW)[place.layer][place.kind == "norm"]
    return f"blocks.{group}.{index}.{layer}.{place.variable}"


def _around(place: Place) -> str:
    match place.part:
        case "stem":
            return f"{'conv_stem' if place.kind == 'conv' else 'bn1'}.{place.variable}"
        case "hidden":
            return f"conv_head.{place.variable}"
        case _:
            return f"classifier.{place.variable}"


def recognise_v1(tensors: Tensors) -> bool:
    """Blocks of depthwise and pointwise convolutions to the end, nothing behind them."""
    return "blocks.4.1.conv_pw.weight" in tensors and "conv_stem.weight" in tensors and not _has(tensors, "conv_pwl")


def recognise_v2(tensors: Tensors) -> bool:
    """Inverted residuals without squeeze-and-excitation, a last convolution with normalisation."""
    last = "conv_head.weight" in tensors or "classifier.weight" not in tensors
    return "blocks.6.0.conv_pwl.weight" in tensors and last and not _has(tensors, "se")


def recognise_v3(tensors: Tensors) -> bool:
    """Inverted residuals, the last group a single convolution."""
    return _has(tensors, "conv_pwl") and ("blocks.5.0.conv.weight" in tensors or "blocks.6.0.conv.weight" in tensors)


def _has(tensors: Tensors, layer: str) -> bool:
    return any(f".{layer}." in name for name in tensors)


def imported(name: str, array: Tensor) -> Tensor:
    """The 1×1 convolution after the pooling as a matrix."""
    return array.flatten(1) if name == "head.hidden.fc.weight" and array.ndim == 4 else array


def exported(name: str, array: Tensor) -> Tensor:
    """The matrix after the pooling as a 1×1 convolution."""
    return array[:, :, None, None] if name == "head.hidden.fc.weight" else array


_V2_NAMES: Final = {"mobilenet_v2": "100"} | {
    f"mobilenet_v2_{width}": width for width in ("035", "050", "075", "140", "110d", "120d")
}
_V3_NAMES: Final = {f"mobilenet_v3_{size}": f"{size}_100" for size in ("large", "small")} | {
    f"mobilenet_v3_{width}": width for width in ("large_075", "small_075", "small_050")
}
_TF_NAMES: Final = {f"mobilenet_v3_{size}": f"{size}_100" for size in ("large", "small")} | {
    f"mobilenet_v3_{ours}": theirs
    for ours, theirs in (
        *(("large_075", "large_075"), ("small_075", "small_075")),
        *(("large_minimal", "large_minimal_100"), ("small_minimal", "small_minimal_100")),
    )
}

V1 = Layout(
    "timm",
    frozenset({"mobilenet"}),
    recognise_v1,
    by_place(names_v1),
    counterparts=MappingProxyType({"mobilenet_v1": "mobilenetv1_100", "mobilenet_v1_125": "mobilenetv1_125"}),
)
V2 = Layout(
    "timm",
    frozenset({"mobilenet_v2"}),
    recognise_v2,
    by_place(names_v2),
    counterparts=MappingProxyType({ours: f"mobilenetv2_{theirs}" for ours, theirs in _V2_NAMES.items()}),
)
V3 = Layout(
    "timm",
    frozenset({"mobilenet_v3"}),
    recognise_v3,
    by_place(names_v3),
    imported,
    exported,
    counterparts=MappingProxyType({ours: f"mobilenetv3_{theirs}" for ours, theirs in _V3_NAMES.items()}),
    built=MappingProxyType({"eps": 1e-5, "momentum": 0.1}),
)
V3_TENSORFLOW = replace(
    V3,
    counterparts=MappingProxyType({ours: f"tf_mobilenetv3_{theirs}" for ours, theirs in _TF_NAMES.items()}),
    built=MappingProxyType({"eps": 1e-3, "momentum": 0.1, "padding": "same"}),
)
"""The networks that timm took over from TensorFlow: no name in a file tells them from the others, so they are written
here, and read by the settings of their cards."""

"""Keras' names of MobileNet V1, V2 and V3 (keras/src/applications/mobilenet.py, mobilenet_v2.py, mobilenet_v3.py).

V1: conv1, conv1_bn; conv_dw_1, conv_dw_1_bn, conv_pw_1, ...; conv_preds. V2: Conv1, bn_Conv1; block_1_expand,
block_1_expand_BN, block_1_depthwise, block_1_project, ... (block 0 is expanded_conv); Conv_1; predictions. V3: conv,
conv_bn; expanded_conv_1_expand, ..., expanded_conv_1_squeeze_excite_conv and _conv_1, ...; conv_1; conv_2; logits.

Published files are older than these names, and Keras itself goes by the order of layers: so does `ordered` for files
with other names or none.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import chain
from typing import Final

from torch import Tensor

from plusx.weights.sources import keras
from plusx.weights.sources.keras import (
    HEADS,
    VARIABLES,
    by_number,
    keras_layout,
    with_layers_renamed,
)
from plusx.weights.sources.layout import Layout, Tensors
from plusx.weights.sources.mobilenet.place import Place, by_place

DEPTHS: Final = {"mobilenet": (13,), "mobilenet_v2": (17,), "mobilenet_v3": (15, 11)}
"""The papers' files → how many depthwise convolutions their networks have in Keras."""

_SQUEEZE: Final = {"reduce": "squeeze_excite_conv", "expand": "squeeze_excite_conv_1"}


def names_v1(place: Place) -> tuple[str, ...]:
    """The names there, `layer/variable`."""
    norm = "_bn" if place.kind == "norm" else ""
    match place.part:
        case "stem":
            layers: tuple[str, ...] = (f"conv1{norm}",)
        case "block":
            layers = (f"conv_{'dw' if place.layer == 'depthwise' else 'pw'}_{place.block + 1}{norm}",)
        case "head":
            layers = ("conv_preds", *HEADS)
        case _:
            layers = ()
    return _variables(place, layers)


def names_v2(place: Place) -> tuple[str, ...]:
    """The names there, `layer/variable`."""
    norm = place.kind == "norm"
    match place.part:
        case "stem":
            layers: tuple[str, ...] = ("bn_Conv1" if norm else "Conv1",)
        case "last":
            layers = ("Conv_1_bn" if norm else "Conv_1",)
        case "block":
            prefix = f"block_{place.block}" if place.block else "expanded_conv"
            layers = (f"{prefix}_{place.layer}{'_BN' if norm else ''}",)
        case "head":
            layers = HEADS
        case _:
            layers = ()
    return _variables(place, layers)


def names_v3(place: Place) -> tuple[str, ...]:
    """The names there, `layer/variable`."""
    norm = "_bn" if place.kind == "norm" else ""
    match place.part:
        case "stem":
            layers: tuple[str, ...] = (f"conv{norm}",)
        case "last":
            layers = (f"conv_1{norm}",)
        case "block":
            prefix = f"expanded_conv_{place.block}" if place.block else "expanded_conv"
            layers = (f"{prefix}_{_SQUEEZE.get(place.kind, place.layer + norm)}",)
        case "hidden":
            layers = ("conv_2",)
        case "head":
            layers = ("logits", *HEADS)
    return _variables(place, layers)


def _variables(place: Place, layers: tuple[str, ...]) -> tuple[str, ...]:
    variable = VARIABLES["conv" if place.kind in _SQUEEZE else place.kind].get(place.variable)
    if variable is None:
        return ()
    if place.layer == "depthwise" and variable == "kernel":
        return tuple(f"{layer}/{name}" for layer in layers for name in ("kernel", "depthwise_kernel"))
    return tuple(f"{layer}/{variable}" for layer in layers)


def imported(name: str, array: Tensor) -> Tensor:
    """Axes in torch's order; 1×1 convolutions after the pooling as matrices."""
    array = keras.imported(name, array)
    return array.flatten(1) if name.startswith("head.") and array.ndim == 4 else array


def recognise(module: str, tensors: Tensors) -> bool:
    """One 3×3 over all maps, and as many depthwise convolutions as a network of that paper's file has."""
    full = [shape for shape in _layers(tensors, "kernel", depthwise=False).values() if len(shape) == 4]
    wide = [shape[:2] for shape in full if shape[0] > 1]
    return wide == [(3, 3)] and len(_layers(tensors, "kernel", depthwise=True)) in DEPTHS[module]


def ordered(usual: Callable[[Tensors, Sequence[str], int], list[str]], tensors: Tensors) -> Tensors:
    """Layers with other names or none under the usual ones, by the order that they have among those of their kind.

    `usual`: names of all layers, given the full convolutions there and the number of depthwise ones.
    """
    convolutions = _in_order("conv2d", _layers(tensors, "kernel", depthwise=False))
    depthwise = _in_order("depthwise_conv2d", _layers(tensors, "kernel", depthwise=True))
    norms = _in_order("batch_normalization", _layers(tensors, "gamma"))
    names = usual(tensors, convolutions, len(depthwise))
    if names[1] in norms and names[3] in norms:
        return tensors
    renamed: dict[str, str] = {}
    for kind, layers in (("conv", convolutions), ("depthwise", depthwise), ("norm", norms)):
        renamed |= dict(zip(layers, (name for name in names if _kind(name) == kind), strict=False))
    return with_layers_renamed(tensors, renamed)


def usual_v1(tensors: Tensors, convolutions: Sequence[str], depth: int) -> list[str]:
    """The names of V1's layers, in order."""
    blocks = [(f"conv_dw_{n}", f"conv_dw_{n}_bn", f"conv_pw_{n}", f"conv_pw_{n}_bn") for n in range(1, depth + 1)]
    return ["conv1", "conv1_bn", *chain(*blocks), "conv_preds"]


def usual_v2(tensors: Tensors, convolutions: Sequence[str], depth: int) -> list[str]:
    """The names of V2's layers, in order."""
    layers = [f"block_{n}_{layer}" for n in range(1, depth) for layer in ("expand", "depthwise", "project")]
    layers = ["expanded_conv_depthwise", "expanded_conv_project", *layers]
    return ["Conv1", "bn_Conv1", *chain(*((layer, f"{layer}_BN") for layer in layers)), "Conv_1", "Conv_1_bn"]


def usual_v3(tensors: Tensors, convolutions: Sequence[str], depth: int) -> list[str]:
    """The names of V3's layers, in order; of full convolutions only those of squeeze-and-excitation have a bias."""
    names, following = ["conv", "conv_bn"], 1
    for block in range(depth):
        prefix = f"expanded_conv_{block}" if block else "expanded_conv"
        if block:
            names += [f"{prefix}_expand", f"{prefix}_expand_bn"]
        names += [f"{prefix}_depthwise", f"{prefix}_depthwise_bn"]
        following += block > 0
        if following < len(convolutions) and f"{convolutions[following]}/bias" in tensors:
            names += [f"{prefix}_{layer}" for layer in _SQUEEZE.values()]
            following += 2
        names += [f"{prefix}_project", f"{prefix}_project_bn"]
        following += 1
    return [*names, "conv_1", "conv_1_bn", "conv_2", "logits"]


def _layers(tensors: Tensors, variable: str, *, depthwise: bool | None = None) -> dict[str, tuple[int, ...]]:
    """The layers with that variable and its shape, in the file's order; `depthwise`: only convolutions of that kind."""
    found: dict[str, tuple[int, ...]] = {}
    for name, tensor in tensors.items():
        layer, _, last = name.rpartition("/")
        shape = tuple(tensor.shape)
        alone = len(shape) == 4 and shape[3] == 1 and shape[0] > 1
        if last.removeprefix("depthwise_") == variable and (
            depthwise is None or (len(shape) == 4 and alone == depthwise)
        ):
            found[layer] = shape
    return found


def _in_order(kind: str, layers: Iterable[str]) -> list[str]:
    """By their numbers where the layers are called `kind`, `kind_1`, ..., else as they come."""
    layers = list(layers)
    sorted_ = by_number(layers, kind)
    return sorted_ if len(sorted_) == len(layers) else layers


def _kind(name: str) -> str:
    if name.lower().endswith("_bn") or name.startswith("bn_"):
        return "norm"
    return "depthwise" if name.endswith("_depthwise") or name.startswith("conv_dw") else "conv"


def _layout(
    module: str,
    names: Callable[[Place], tuple[str, ...]],
    usual: Callable[[Tensors, Sequence[str], int], list[str]],
) -> Layout:
    known = partial(recognise, module)
    return keras_layout(frozenset({module}), known, by_place(names), ordered=partial(ordered, usual), imported=imported)


V1 = _layout("mobilenet", names_v1, usual_v1)
V2 = _layout("mobilenet_v2", names_v2, usual_v2)
V3 = _layout("mobilenet_v3", names_v3, usual_v3)

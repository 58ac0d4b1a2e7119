"""What all files of Keras have in common: names of variables, order of axes, numbered layers.

Convolutions are height, width, in, out there, depthwise ones height, width, channels, 1; matrices in, out. A layer
without a name of its own is called after its class and numbered through: conv2d, conv2d_1, ...
"""

import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final

from torch import Tensor

from plusx.weights.sources.layout import Layout, Names, Tensors, by_name

HEADS: Final = ("predictions", "probs", "dense", "fc")
"""What the classifier is called: in keras.applications, in older published files, in the users' own models."""

VARIABLES: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "conv": {"weight": "kernel", "bias": "bias"},
        "fc": {"weight": "kernel", "bias": "bias"},
        "norm": {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"},
    }
)
"""conv, fc or norm → torch's variable → Keras'. The count of batches has no counterpart."""


def to_torch(array: Tensor) -> Tensor:
    """A kernel or matrix with axes in torch's order; vectors as they are."""
    if array.ndim < 2:
        return array
    return array.permute(3, 2, 0, 1) if array.ndim == 4 else array.mT


def from_torch(array: Tensor) -> Tensor:
    """A kernel or matrix with axes in Keras' order; vectors as they are."""
    if array.ndim < 2:
        return array
    return array.permute(2, 3, 1, 0) if array.ndim == 4 else array.mT


def imported(name: str, array: Tensor) -> Tensor:
    """The array of our tensor `name` with axes in torch's order."""
    return _depthwise_turned(array) if _is_depthwise(name, array) else to_torch(array)


def exported(name: str, array: Tensor) -> Tensor:
    """The array of our tensor `name` with axes in Keras' order."""
    return _depthwise_turned(array) if _is_depthwise(name, array) else from_torch(array)


def _is_depthwise(name: str, array: Tensor) -> bool:
    return ".depthwise." in name and array.ndim == 4


def _depthwise_turned(array: Tensor) -> Tensor:
    """height, width, channels, 1 → channels, 1, height, width; its own inverse."""
    return array.permute(2, 3, 0, 1)


def numbered(tensors: Tensors, kind: str) -> list[str]:
    """The layers `kind`, `kind_1`, `kind_2`, ... in the order of their numbers, wherever those begin."""
    return by_number({name.rpartition("/")[0] for name in tensors}, kind)


def by_number(layers: Iterable[str], kind: str) -> list[str]:
    """Those called `kind`, `kind_1`, `kind_2`, ... among the layers, in the order of their numbers."""
    matches = [match for layer in layers if (match := re.fullmatch(rf"{kind}(?:_(\d+))?", layer))]
    return [match[0] for match in sorted(matches, key=lambda match: int(match[1] or 0))]


def kernel_sizes(tensors: Tensors, layers: Iterable[str]) -> list[int]:
    """The sides of the convolutions' kernels."""
    return [tensors[f"{layer}/kernel"].shape[0] for layer in layers if f"{layer}/kernel" in tensors]


def with_usual_head(tensors: Tensors) -> Tensors:
    """A single fully connected layer of any name, such as `dense_3` of the fourth model of a session, as `HEADS[0]`."""
    layers = {name.rpartition("/")[0] for name, tensor in tensors.items() if tensor.ndim == 2}
    if len(layers) != 1 or layers <= set(HEADS):
        return tensors
    return with_layers_renamed(tensors, {layers.pop(): HEADS[0]})


def with_layers_renamed(tensors: Tensors, renamed: Mapping[str, str]) -> Tensors:
    """`layer/variable` with the layers of `renamed` (name in the file → usual name) under their usual names."""
    split = ((*name.rpartition("/")[::2], tensor) for name, tensor in tensors.items())
    return {f"{renamed.get(layer, layer)}/{variable}": tensor for layer, variable, tensor in split}


def keras_layout(
    modules: frozenset[str],
    recognise: Callable[[Tensors], bool],
    names: Callable[[Iterable[str]], Names],
    *,
    ordered: Callable[[Tensors], Tensors] = by_name,
    imported: Callable[[str, Tensor], Tensor] = imported,
) -> Layout:
    """A layout of Keras' files, in which a head of any name has its usual one; the arguments are those of `Layout`."""

    def usual(tensors: Tensors) -> Tensors:
        return with_usual_head(ordered(tensors))

    return Layout("keras", modules, recognise, names, imported, exported, usual)

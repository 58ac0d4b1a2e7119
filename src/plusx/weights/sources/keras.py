"""What all files of Keras have in common: names of variables, order of axes, numbered layers.

Convolutions are height, width, in, out there, depthwise ones height, width, channels, 1; matrices in, out. A layer
without a name of its own is called after its class and numbered through: conv2d, conv2d_1, ...
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from torch import Tensor

from plusx.weights.sources.layout import Tensors

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
    layers = {name.split("/")[0] for name in tensors}
    known = (kind if number == 0 else f"{kind}_{number}" for number in range(len(layers) + 1))
    return [layer for layer in known if layer in layers]


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

"""Layout: how another library names and shapes the tensors of a residual network."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Literal

from torch import Tensor

from plusx.weights.sources.place import Place

Tensors = Mapping[str, Tensor]

COUNTER: Final = "num_batches_tracked"
"""Only torch's normalisation has it; it has no influence on a trained network."""


def same(place: Place, array: Tensor) -> Tensor:
    """The array as it is."""
    return array


def by_name(tensors: Tensors) -> Tensors:
    """The names as they are."""
    return tensors


def no_settings(tensors: Tensors) -> Mapping[str, Any]:
    """Nothing that the file tells about the network."""
    return MappingProxyType({})


@dataclass(frozen=True)
class Layout:
    """`names(place)`: what a tensor may be called there, the usual name first; none where it has no counterpart.

    `imported` and `exported` turn its arrays into ours and back; `ordered` gives the file's tensors their usual names
    where it does not tell them; `settings`: what the file says about the architecture's settings.
    """

    name: Literal["plusx", "torchvision", "timm", "keras", "cifar"]
    recognise: Callable[[Tensors], bool]
    names: Callable[[Place], tuple[str, ...]]
    imported: Callable[[Place, Tensor], Tensor] = field(default=same)
    exported: Callable[[Place, Tensor], Tensor] = field(default=same)
    ordered: Callable[[Tensors], Tensors] = field(default=by_name)
    settings: Callable[[Tensors], Mapping[str, Any]] = field(default=no_settings)

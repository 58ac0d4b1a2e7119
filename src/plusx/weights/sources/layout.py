"""Layout: how a library names and shapes the tensors of a family of networks."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias, TypeVar

from torch import Tensor

from plusx.core.card import Input

P = TypeVar("P")

Tensors: TypeAlias = Mapping[str, Tensor]
Names: TypeAlias = Mapping[str, tuple[str, ...]]
"""A task's tensor → what it may be called in a file, the usual name first; none where it has no counterpart there."""

NONE: Final[Mapping[str, Any]] = MappingProxyType({})

COUNTER: Final = "num_batches_tracked"
"""Only torch's normalisation has it; it has no influence on a trained network."""


def same(name: str, array: Tensor) -> Tensor:
    """The array as it is."""
    return array


def by_name(tensors: Tensors) -> Tensors:
    """The names as they are."""
    return tensors


def no_settings(tensors: Tensors) -> Mapping[str, Any]:
    """Nothing that the file tells about the network."""
    return NONE


def no_name(name: str) -> bool:
    """None of the file's tensors."""
    return False


@dataclass(frozen=True)
class DenseHead:
    """A head for boxes or masks, as far as a file's tensors tell it.

    `settings`: of the task, but for the classes; `classes`: their number. `output_stride`: that the library gives the
    backbone before it. `input`: what images are made into there. `left_out`: in words, what else the file predicts.
    """

    task: Literal["detect", "segment"]
    settings: Mapping[str, Any]
    classes: int
    input: Input
    output_stride: int = 32
    left_out: str = ""


def no_head(tensors: Tensors) -> DenseHead | None:
    """None that is more than a classifier."""
    return None


def padded(short_side: int) -> Input:
    """All of the image, as large as one of 4:3 is whose short side has these pixels; a multiple of 32."""
    side = -(-short_side * 4 // 3 // 32) * 32
    return Input(size=(side, side), fit="pad")


@dataclass(frozen=True)
class Layout:
    """`modules`: the papers' files in `plusx.backbones` whose networks it names; none for all of them.

    `recognise`: whether a file's tensors are in this layout. `names`: of all tensors of a task, `backbone.*` and
    `head.*`, at once, as some libraries number layers through. `imported` and `exported` turn the array of one of them,
    given under its name here, into ours and back. `ordered` gives the file's tensors their usual names where it does
    not tell them. `settings`: what the file says about the architecture's settings. `counterparts`: architecture → the
    model's name in that library, for those whose key names can be written. `built`: the settings that all networks of
    this layout have and the architectures have not by themselves. `is_head`: whether one of the file's names is of a
    head that is more than a classifier; `is_extra`: of layers that no head here has, left out with a word. `dense`:
    that head, where plusx has it; `dense_counterparts`: architecture → the whole network's name there.
    """

    name: Literal["plusx", "torchvision", "timm", "keras", "cifar", "smp"]
    modules: frozenset[str]
    recognise: Callable[[Tensors], bool]
    names: Callable[[Iterable[str]], Names]
    imported: Callable[[str, Tensor], Tensor] = field(default=same)
    exported: Callable[[str, Tensor], Tensor] = field(default=same)
    ordered: Callable[[Tensors], Tensors] = field(default=by_name)
    settings: Callable[[Tensors], Mapping[str, Any]] = field(default=no_settings)
    counterparts: Mapping[str, str] = field(default_factory=lambda: NONE)
    built: Mapping[str, Any] = field(default_factory=lambda: NONE)
    is_head: Callable[[str], bool] = field(default=no_name)
    is_extra: Callable[[str], bool] = field(default=no_name)
    dense: Callable[[Tensors], DenseHead | None] = field(default=no_head)
    dense_counterparts: Mapping[str, str] = field(default_factory=lambda: NONE)


def one_by_one(names_of: Callable[[str], tuple[str, ...]]) -> Callable[[Iterable[str]], Names]:
    """For libraries where the names of one tensor need no look at the others."""

    def names(tensors: Iterable[str]) -> Names:
        return {tensor: names_of(tensor) for tensor in tensors}

    return names


def with_body(
    body: Layout, renamed: Callable[[str], str], head: Callable[[str], tuple[str, ...]]
) -> Callable[[Iterable[str]], Names]:
    """For networks whose backbone has the names of a classifier, `renamed`, and whose head is named by `head`."""

    def names(tensors: Iterable[str]) -> Names:
        tensors = list(tensors)
        found = body.names([tensor for tensor in tensors if tensor.startswith("backbone.")])
        return {tensor: tuple(map(renamed, found[tensor])) if tensor in found else head(tensor) for tensor in tensors}

    return names


def below(prefix: str) -> Callable[[str], str]:
    """A classifier's name of a layer, put below `prefix`; there the layers of a MobileNet are not below `features`."""
    return lambda name: prefix + name.removeprefix("features.")


def at_places(
    place: Callable[[str], P | None], names: Callable[[P], tuple[str, ...]]
) -> Callable[[str], tuple[str, ...]]:
    """Names of places as names of tensors; none for a tensor that has no place. `place`: where a tensor sits."""

    def names_of(tensor: str) -> tuple[str, ...]:
        spot = place(tensor)
        return () if spot is None else names(spot)

    return names_of

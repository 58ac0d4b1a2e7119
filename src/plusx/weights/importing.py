"""From a file's tensors to a network's: every tensor has its place, or it is said which have not."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from torch import Tensor

from plusx.weights.matching import Mismatch
from plusx.weights.sources.layout import COUNTER, Layout

_HEAD: Final = ("head.fc.weight", "head.fc.bias")
_HIDDEN: Final = ("head.hidden.fc.weight", "head.hidden.fc.bias")


@dataclass(frozen=True)
class Placed:
    """A file's tensors in a network's places.

    `tensors`: by our names, as far as they are there. `mismatch`: what is missing, left over, or of other shape or
    dtype, by the file's names. `made_for`: the file's input channels, where its first convolution was adapted to more
    or fewer.
    """

    tensors: Mapping[str, Tensor]
    mismatch: Mismatch
    made_for: int | None


def head_size(tensors: Mapping[str, Tensor], layout: Layout) -> int | None:
    """How many outputs the file's head has; None where the file has no head."""
    names = layout.names(_HEAD)
    weight, bias = ([theirs for theirs in names[ours] if theirs in tensors] for ours in _HEAD)
    if weight:
        return layout.imported(_HEAD[0], tensors[weight[0]]).shape[0]
    return tensors[bias[0]].shape[0] if bias else None


def place(
    expected: Mapping[str, Tensor],
    tensors: Mapping[str, Tensor],
    layout: Layout,
    *,
    same_dtype: bool = True,
    fresh: Collection[str] = (),
) -> Placed:
    """A tensor of the file for every name of `expected`, whose tensors may be on the device "meta".

    expected: a task's names, `backbone.*` and, where the file's are wanted, `head.*`; without those of the head, what
    the file has of it is left out, and of a head that is wanted the names of `fresh`. A first convolution for another
    number of channels is adapted. same_dtype: as in `Mismatch.between`.
    """
    unwanted = [*fresh, *(ours for ours in (*_HEAD, *_HIDDEN) if ours not in expected)]
    left_out = {theirs for names in layout.names(unwanted).values() for theirs in names}
    left_out.update(filter(layout.is_extra, tensors))
    if not any(ours.startswith("head.") for ours in expected):
        left_out.update(filter(layout.is_head, tensors))
    names = _file_names(expected, tensors, layout)
    found = {theirs: array for theirs, array in tensors.items() if theirs in names or theirs not in left_out}
    found |= {theirs: layout.imported(ours, found[theirs]) for theirs, ours in names.items() if theirs in found}
    wanted = {theirs: expected[ours] for theirs, ours in names.items()}
    first, made_for = next((theirs for theirs, tensor in wanted.items() if tensor.ndim == 4), ""), None
    if first in found and _of_other_channels(found[first], wanted[first]):
        made_for = found[first].shape[1]
        found[first] = adapt_channels(found[first], wanted[first].shape[1])
    there = {ours: found[theirs] for theirs, ours in names.items() if theirs in found}
    return Placed(there, Mismatch.between(wanted, found, same_dtype=same_dtype), made_for)


def adapt_channels(weight: Tensor, in_channels: int) -> Tensor:
    """A first convolution (O, I, k, k) for images of another number of channels: O, in_channels, k, k.

    One channel: the sum over the I channels, so that a grey image gives what its copies in all channels gave. More:
    the I kernels repeated in turn, times I / in_channels, so that the sum of all keeps its size. The rule that timm
    publishes (https://huggingface.co/docs/timm/models, "in_chans"; timm/models/_manipulate.py).
    """
    channels = weight.shape[1]
    if in_channels == 1:
        return weight.sum(dim=1, keepdim=True)
    turns = [channel % channels for channel in range(in_channels)]
    return weight[:, turns] * (channels / in_channels)


def _file_names(expected: Mapping[str, Tensor], tensors: Mapping[str, Tensor], layout: Layout) -> dict[str, str]:
    """The file's name → ours, for all that the layout has; of several usual names the one that is there."""
    names = {}
    for ours, theirs in layout.names(expected).items():
        there = [name for name in theirs if name in tensors]
        if theirs and (there or not ours.endswith(COUNTER)):
            names[(there or theirs)[0]] = ours
    return names


def _of_other_channels(weight: Tensor, expected: Tensor) -> bool:
    return weight.ndim == expected.ndim and weight.shape[1] != expected.shape[1]

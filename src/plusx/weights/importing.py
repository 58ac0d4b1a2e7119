"""From a file's tensors to a network's: every tensor has its place, or an error says which have not."""

import logging
from collections.abc import Mapping
from typing import Final

from torch import Tensor

from plusx.core.errors import WeightsError
from plusx.weights.matching import Mismatch
from plusx.weights.sources.layout import COUNTER, Layout

LOG: Final = logging.getLogger("plusx")
_HEAD: Final = ("head.fc.weight", "head.fc.bias")
_HIDDEN: Final = ("head.hidden.fc.weight", "head.hidden.fc.bias")


def head_size(tensors: Mapping[str, Tensor], layout: Layout) -> int | None:
    """How many outputs the file's head has; None where the file has no head."""
    names = layout.names(_HEAD)
    weight, bias = ([theirs for theirs in names[ours] if theirs in tensors] for ours in _HEAD)
    if weight:
        return layout.imported(_HEAD[0], tensors[weight[0]]).shape[0]
    return tensors[bias[0]].shape[0] if bias else None


def import_tensors(
    expected: Mapping[str, Tensor], tensors: Mapping[str, Tensor], layout: Layout, origin: str
) -> dict[str, Tensor]:
    """A tensor of the file for every name of `expected`, in its shape and dtype.

    expected: a task's names, `backbone.*` and, where the file's are wanted, `head.*`; without those of the head, what
    the file has of it is left out. A first convolution for another number of channels is adapted, which is logged.
    `origin`: the file, for messages. Raises `WeightsError` with four lists where anything is missing, left over, or of
    other shape or dtype.
    """
    unwanted = [ours for ours in (*_HEAD, *_HIDDEN) if ours not in expected]
    left_out = {theirs for names in layout.names(unwanted).values() for theirs in names}
    names = _file_names(expected, tensors, layout)
    found = {theirs: array for theirs, array in tensors.items() if theirs in names or theirs not in left_out}
    first = next((ours for ours, tensor in expected.items() if tensor.ndim == 4), None)
    for theirs, ours in names.items():
        if theirs in found:
            array = layout.imported(ours, found[theirs])
            found[theirs] = _adapted(array, expected[ours], origin) if ours == first else array
    mismatch = Mismatch.between({theirs: expected[ours] for theirs, ours in names.items()}, found)
    if mismatch:
        raise WeightsError(
            f"{origin} does not fit the network; nothing was loaded.\n{mismatch}\n"
            "Name the architecture that the file was made with, or take another file."
        )
    return {ours: found[theirs].to(expected[ours].dtype) for theirs, ours in names.items()}


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


def _adapted(weight: Tensor, expected: Tensor, origin: str) -> Tensor:
    channels = expected.shape[1]
    if weight.ndim != expected.ndim or weight.shape[1] == channels:
        return weight
    LOG.warning("%s: the first convolution was made for %d channels, adapted to %d", origin, weight.shape[1], channels)
    return adapt_channels(weight, channels)

"""Where a tensor sits in an Xception: plusx names taken apart, blocks numbered through as all libraries do."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Literal

from plusx.weights.sources.layout import Names

Role = Literal["stem", "F", "shortcut", "last", "head"]
Kind = Literal["conv", "norm", "fc"]
Half = Literal["", "depthwise", "pointwise"]

_STAGES: Final = ("entry2", "entry3", "entry4", "middle", "exit")
_NAME: Final = re.compile(
    r"backbone\.(?P<stage>entry[1-4]|middle|exit)\.(?:block(?P<block>\d+)\.(?:F\.)?)?"
    r"(?:layer(?P<layer>\d+)|shortcut)\.(?P<owner>[a-z.]+)\.(?P<variable>\w+)"
    r"|head\.fc\.(?P<head_variable>\w+)"
)


@dataclass(frozen=True)
class Place:
    """`block`: number among all residual blocks, from 1; of the layers behind them (`last`) one more; 0 elsewhere.

    `layer`: from 1; 0 for shortcut and head. `half` of a separable convolution, where tensors of both are told apart.
    """

    role: Role
    kind: Kind
    variable: str
    block: int = 0
    layer: int = 0
    half: Half = ""


def by_place(names: Callable[[Place], tuple[str, ...]]) -> Callable[[Iterable[str]], Names]:
    """Names of places as names of all tensors of a task; none for a tensor that has no place."""

    def all_names(tensors: Iterable[str]) -> Names:
        return {tensor: () if spot is None else names(spot) for tensor, spot in places(tensors).items()}

    return all_names


def places(tensors: Iterable[str]) -> dict[str, Place | None]:
    """The place of every tensor of a task, `backbone.entry2.block1.F.layer1.norm.weight`; None for other names."""
    matches = {tensor: _NAME.fullmatch(tensor) for tensor in tensors}
    blocks = sorted({_block(match) for match in matches.values() if match is not None and match["block"]})
    return {tensor: None if match is None else _place(match, blocks) for tensor, match in matches.items()}


def _block(match: re.Match[str]) -> tuple[int, int]:
    """Sorts as the blocks follow each other."""
    return _STAGES.index(match["stage"]), int(match["block"])


def _place(match: re.Match[str], blocks: list[tuple[int, int]]) -> Place:
    if match["head_variable"]:
        return Place("head", "fc", match["head_variable"])
    owner, layer = match["owner"].split("."), int(match["layer"] or 0)
    kind: Kind = "norm" if "norm" in owner else "conv"
    half: Half = "depthwise" if "depthwise" in owner else "pointwise" if "pointwise" in owner else ""
    if match["block"]:
        number = blocks.index(_block(match)) + 1
        return Place("F" if layer else "shortcut", kind, match["variable"], number, layer, half)
    if match["stage"] == "entry1":
        return Place("stem", kind, match["variable"], layer=layer)
    return Place("last", kind, match["variable"], len(blocks) + 1, layer, half)

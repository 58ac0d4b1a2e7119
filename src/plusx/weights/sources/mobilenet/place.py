"""Where a tensor sits in a MobileNet: plusx names taken apart, blocks numbered through, layers counted in their block.

No other library names stages as the papers' tables suggest: torchvision and Keras number all blocks through, timm by
the tables' lines.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Literal

from plusx.weights.sources.layout import Names

Part = Literal["stem", "block", "last", "hidden", "head"]

LAYERS: Final = ("expand", "depthwise", "pointwise", "squeeze_excite", "project")
"""Of a block, in order; none has all of them."""

_NAME: Final = re.compile(
    r"backbone\.conv(?P<stage>[1-5])\.(?:(?P<end>stem|last)|block(?P<block>\d+)\.(?:F\.)?(?P<layer>[a-z_]+))"
    r"\.(?P<kind>conv|norm|reduce|expand)\.(?P<variable>\w+)"
    r"|head\.(?P<hidden>hidden\.)?fc\.(?P<head_variable>\w+)"
)


@dataclass(frozen=True)
class Place:
    """`layer`: of a block. `kind`: conv, norm, or reduce and expand of squeeze-and-excitation; fc in the head.

    `stage` as in conv2; `within`: the block's number in its stage, from 1; `block`: in the whole network, from 0.
    `layers`: all of its block's, in order. `blocks`: in the whole network; `depth`: in this stage.
    """

    part: Part
    kind: str
    variable: str
    layer: str = ""
    stage: int = 0
    within: int = 0
    block: int = 0
    layers: tuple[str, ...] = ()
    blocks: int = 0
    depth: int = 0

    @property
    def before(self) -> int:
        """Layers in front of this one in its block."""
        return self.layers.index(self.layer)


def by_place(names: Callable[[Place], tuple[str, ...]]) -> Callable[[Iterable[str]], Names]:
    """Names of places as names of all tensors of a task; none for a tensor that has no place."""

    def all_names(tensors: Iterable[str]) -> Names:
        matches = {tensor: _NAME.fullmatch(tensor) for tensor in tensors}
        layers: dict[tuple[int, int], set[str]] = {}
        for match in matches.values():
            if match is not None and match["block"]:
                layers.setdefault((int(match["stage"]), int(match["block"])), set()).add(match["layer"])
        order = sorted(layers)
        return {
            tensor: () if match is None else names(_place(match, layers, order)) for tensor, match in matches.items()
        }

    return all_names


def _place(match: re.Match[str], layers: dict[tuple[int, int], set[str]], order: list[tuple[int, int]]) -> Place:
    if match["head_variable"]:
        return Place("hidden" if match["hidden"] else "head", "fc", match["head_variable"])
    kind, variable, stage = match["kind"], match["variable"], int(match["stage"])
    depth = sum(1 for found, _ in order if found == stage)
    if match["end"]:
        part: Part = "stem" if match["end"] == "stem" else "last"
        return Place(part, kind, variable, stage=stage, blocks=len(order), depth=depth)
    within = int(match["block"])
    there = tuple(name for name in LAYERS if name in layers[stage, within])
    number = order.index((stage, within))
    return Place("block", kind, variable, match["layer"], stage, within, number, there, len(order), depth)

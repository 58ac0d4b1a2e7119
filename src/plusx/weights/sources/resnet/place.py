"""Where a tensor sits in a network: plusx names taken apart, so that every other library's names are one table."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

Role = Literal["stem", "F", "shortcut", "preact", "final", "head"]
Kind = Literal["conv", "norm", "fc"]

MODULES: Final = frozenset({"resnet", "resnext", "preact", "cifar"})
"""The papers' files whose networks have these places."""

_NAME: Final = re.compile(
    r"backbone\.conv(?P<stage>\d+)"
    r"(?:\.block(?P<block>\d+)(?:\.F\.layer(?P<layer>\d+)|\.(?P<side>shortcut|preact))|\.(?P<end>final))?"
    r"\.(?P<kind>conv|norm)\.(?P<variable>\w+)"
    r"|head\.(?P<fc>fc)\.(?P<head_variable>\w+)"
)


@dataclass(frozen=True)
class Place:
    """`stage` as in conv2, `block` and `layer` as in the papers, from 1; 0 where there is none.

    `variable`: weight, bias, running_mean, running_var or num_batches_tracked.
    """

    role: Role
    kind: Kind
    variable: str
    stage: int = 0
    block: int = 0
    layer: int = 0


def place(name: str) -> Place | None:
    """The place of a tensor of a task, `backbone.conv2.block1.F.layer1.conv.weight`; None for other names."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    if match["fc"]:
        return Place("head", "fc", match["head_variable"])
    role: Role = "stem"
    if match["layer"]:
        role = "F"
    elif match["end"]:
        role = "final"
    elif match["side"]:
        role = "shortcut" if match["side"] == "shortcut" else "preact"
    kind: Kind = "conv" if match["kind"] == "conv" else "norm"
    return Place(role, kind, match["variable"], *(int(match[key] or 0) for key in ("stage", "block", "layer")))


def by_place(names: Callable[[Place], tuple[str, ...]]) -> Callable[[str], tuple[str, ...]]:
    """Names of places as names of tensors; none for a tensor that has no place."""

    def names_of(tensor: str) -> tuple[str, ...]:
        spot = place(tensor)
        return () if spot is None else names(spot)

    return names_of

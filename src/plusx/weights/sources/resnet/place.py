"""Where a tensor sits in a network: plusx names taken apart, so that every other library's names are one table."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, cast

from plusx.weights.sources.layout import at_places

Role = Literal["stem", "F", "se", "shortcut", "preact", "final", "head"]
Kind = Literal["conv", "norm", "reduce", "expand", "fc"]

_BLOCK: Final = r"backbone\.conv(?P<stage>\d+)\.block(?P<block>\d+)\."
_OWNERS: Final[Mapping[Role, str]] = MappingProxyType(
    {
        "stem": r"backbone\.conv(?P<stage>\d+)(?:\.layer(?P<layer>\d+))?",
        "F": _BLOCK + r"F\.layer(?P<layer>\d+)",
        "se": _BLOCK + r"F\.se",
        "shortcut": _BLOCK + "shortcut",
        "preact": _BLOCK + "preact",
        "final": r"backbone\.conv(?P<stage>\d+)\.final",
        "head": "head",
    }
)
"""Role → the names of the modules that hold the layers."""

_NAME: Final = re.compile(r"(?P<owner>.+)\.(?P<kind>conv|norm|reduce|expand|fc)\.(?P<variable>\w+)")


@dataclass(frozen=True)
class Place:
    """`stage` as in conv2, `block` and `layer` as in the papers, from 1; 0 where there is none. A stem of one layer has
    no `layer`.

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
    named = _NAME.fullmatch(name)
    if named is None:
        return None
    for role, pattern in _OWNERS.items():
        if owner := re.fullmatch(pattern, named["owner"]):
            numbers = {key: int(number or 0) for key, number in owner.groupdict().items()}
            return Place(role, cast("Kind", named["kind"]), named["variable"], **numbers)
    return None


def by_place(names: Callable[[Place], tuple[str, ...]]) -> Callable[[str], tuple[str, ...]]:
    """Names of places as names of tensors; none for a tensor that has no place."""
    return at_places(place, names)

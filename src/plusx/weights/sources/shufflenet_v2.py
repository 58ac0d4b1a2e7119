"""torchvision's names of ShuffleNet V2 (torchvision/models/shufflenetv2.py).

conv1.0, conv1.1; stage2..stage4, units from 0; branch1 (the shortcut of the first unit) and branch2 (F) number their
convolutions, normalisations and activations through; conv5.0, conv5.1; fc.
"""

import re
from types import MappingProxyType
from typing import Final

from plusx.weights.sources.layout import Layout, Tensors, one_by_one

COUNTERPARTS: Final = MappingProxyType(
    {name: name for name in (f"shufflenet_v2_x{s}" for s in ("0_5", "1_0", "1_5", "2_0"))}
)

_NAME: Final = re.compile(
    r"backbone\.(?P<stage>conv1|stage\d|conv5)(?:\.unit(?P<unit>\d+)\.(?P<way>shortcut|F)\.layer(?P<layer>\d))?"
    r"\.(?P<kind>conv|norm)\.(?P<variable>\w+)"
)
_FIRST: Final = MappingProxyType({"shortcut": (0, 2), "F": (0, 3, 5)})
"""The number of each layer's convolution; that of its normalisation is the next one."""


def names(tensor: str) -> tuple[str, ...]:
    """The name there of a task's tensor; none for what it has not."""
    if tensor.startswith("head.fc."):
        return (tensor.removeprefix("head."),)
    match = _NAME.fullmatch(tensor)
    if match is None:
        return ()
    owner, number = match["stage"], 0
    if match["unit"]:
        owner += f".{int(match['unit']) - 1}.{'branch2' if match['way'] == 'F' else 'branch1'}"
        number = _FIRST[match["way"]][int(match["layer"]) - 1]
    return (f"{owner}.{number + (match['kind'] == 'norm')}.{match['variable']}",)


def recognise(tensors: Tensors) -> bool:
    """Two branches in the first unit, and conv5."""
    return "stage2.0.branch1.0.weight" in tensors and "conv5.0.weight" in tensors


LAYOUT = Layout("torchvision", frozenset({"shufflenet_v2"}), recognise, one_by_one(names), counterparts=COUNTERPARTS)

"""Files that are known and cannot be used, and why."""

from typing import Final

from plusx.weights.sources.layout import Tensors

_MARKS: Final = {
    "backbone.scale_weight": "torchvision's SSD on a VGG, a network that plusx does not have",
    "backbone.features.0.0.0.weight": "torchvision's SSDlite: its MobileNetV3 has half the maps at its end, and its "
    "first map lies inside a block, where no head of plusx looks",
}
"""A tensor that only these files have → what they hold."""


def why_refused(tensors: Tensors) -> str | None:
    """What the file holds, in words; None for files that are not known to be of no use."""
    return next((why for mark, why in _MARKS.items() if mark in tensors), None)

"""All layouts, and which one a file has."""

from typing import Final

from plusx.weights.sources import cifar, keras, plusx, timm, torchvision
from plusx.weights.sources.layout import Layout, Tensors

LAYOUTS: Final = (plusx.LAYOUT, keras.LAYOUT, timm.LAYOUT, torchvision.LAYOUT, cifar.LINEAR, cifar.FC)


def recognise(tensors: Tensors) -> Layout | None:
    """The layout that the names and shapes are in; None for other networks."""
    return next((layout for layout in LAYOUTS if layout.recognise(tensors)), None)

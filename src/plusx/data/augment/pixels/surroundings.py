"""Operations that look at a pixel's surroundings: sharpness and Gaussian blur."""

import math
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from plusx.data.augment.pixels.colours import blend, per_image

REACH: Final = 3.0
"""Standard deviations after which a Gaussian is cut off; what lies beyond is 0.3 % of it."""


def sharpness(images: Tensor, factor: Tensor) -> Tensor:
    """Towards a smoothed image, or away from it; the outermost pixels stay. Equal to Pillow in every pixel.

    The smoothed one is the mean of 3 x 3 pixels in which the middle counts five times, rounded.
    """
    smooth = images.float()
    if min(images.shape[-2:]) > 2:
        inner = smooth[..., 1:-1, 1:-1]
        x = images.short()  # sums of at most 13 x 255
        rows = (x[..., :-2, :] + x[..., 1:-1, :]).add_(x[..., 2:, :])
        total = (rows[..., :-2] + rows[..., 1:-1]).add_(rows[..., 2:])
        inner.copy_(total.add_(x[..., 1:-1, 1:-1], alpha=4)).div_(13).round_()
    return blend(images, smooth, factor)


def gaussian_blur(images: Tensor, sigma: Tensor) -> Tensor:
    """Standard deviations (n,) in pixels, at least 0.01; the edge's pixels go on outside, as in Pillow.

    A Gaussian where Pillow takes three box filters: results differ by at most a few levels.
    """
    radius = min(math.ceil(REACH * float(sigma.max())), max(images.shape[-2:]))
    distance = torch.arange(radius + 1, device=images.device)
    taps = torch.exp(-0.5 * (distance / sigma.clamp(min=0.01)[:, None]) ** 2)
    taps = taps / (2 * taps.sum(1, keepdim=True) - taps[:, :1])
    x = _blurred(_blurred(images.float(), taps, 3), taps, 2)
    return x.round_().clamp_(0, 255).to(torch.uint8)


def _blurred(x: Tensor, taps: Tensor, dim: int) -> Tensor:
    """Weighted sum of shifted images along `dim`; taps (n, radius + 1): weights by distance from the middle."""
    radius, length = taps.shape[1] - 1, x.shape[dim]
    sides = [radius, radius, 0, 0] if dim == 3 else [0, 0, radius, radius]
    wide = F.pad(x, sides, mode="replicate")
    out = wide.narrow(dim, radius, length) * per_image(taps[:, 0])
    for distance in range(1, radius + 1):
        pair = wide.narrow(dim, radius - distance, length) + wide.narrow(dim, radius + distance, length)
        out.addcmul_(pair, per_image(taps[:, distance]))
    return out

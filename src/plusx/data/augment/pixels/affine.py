"""Shear, shift and rotation of a batch in one resampling, each image by its own map.

A map is a row (a, b, c, d, e, f): the pixel at (x, y) of the result is that at (a x + b y + c, d x + e y + f) of the
image, in coordinates whose origin is the upper left corner and where pixel centres lie at halves. Pillow's order.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from plusx.data.augment.pixels.colours import LUMA

IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
FRACTION = 16
"""Bits behind the point of Pillow's coordinates; with 32 bits in all, images may have 16,384 pixels a side."""


@dataclass(frozen=True)
class Sampling:
    """How pixels between pixels are found. `fill`: what stands outside the image, 0..255, one for all or R, G, B."""

    interpolation: Literal["nearest", "bilinear"] = "nearest"
    fill: int | tuple[int, int, int] = 0

    def colour(self, images: Tensor) -> Tensor:
        """uint8 C, 1, 1 for these images; for grey ones the grey level of the colour."""
        fill = (self.fill,) if isinstance(self.fill, int) else self.fill
        if images.shape[1] == 1 and len(fill) == 3:
            fill = (round(sum(w * c for w, c in zip(LUMA, fill, strict=True)) / 65536),)
        return torch.tensor(fill, dtype=torch.uint8, device=images.device)[:, None, None]


NEAREST = Sampling()
BILINEAR = Sampling("bilinear")


def shear_x(amount: float, _: int, __: int) -> tuple[float, ...]:
    """Rows slide by `amount` x their distance from the top."""
    return (1, amount, 0, 0, 1, 0)


def shear_y(amount: float, _: int, __: int) -> tuple[float, ...]:
    """Columns slide by `amount` x their distance from the left."""
    return (1, 0, 0, amount, 1, 0)


def translate_x(pixels: float, _: int, __: int) -> tuple[float, ...]:
    """To the right by so many pixels."""
    return (1, 0, -pixels, 0, 1, 0)


def translate_y(pixels: float, _: int, __: int) -> tuple[float, ...]:
    """Down by so many pixels."""
    return (1, 0, 0, 0, 1, -pixels)


def rotate(degrees: float, height: int, width: int) -> tuple[float, ...]:
    """About the centre, against the clock."""
    cos, sin = round(math.cos(math.radians(degrees)), 15), round(math.sin(math.radians(degrees)), 15)
    x, y = width / 2, height / 2
    return (cos, -sin, x - cos * x + sin * y, sin, cos, y - sin * x - cos * y)


def resample(images: Tensor, maps: NDArray[np.float64], sampling: Sampling) -> Tensor:
    """images: uint8 n, C, H, W; maps: n, 6. "nearest" equals Pillow in every pixel, "bilinear" to within 1 level."""
    if sampling.interpolation == "nearest":
        return _nearest(images, maps, sampling)
    return _bilinear(images, maps, sampling)


def _nearest(images: Tensor, maps: NDArray[np.float64], sampling: Sampling) -> Tensor:
    """Through a frame of one filled pixel around the image: a place outside becomes the nearest one on the frame."""
    n, channels, height, width = images.shape
    framed = sampling.colour(images).expand(n, channels, height + 2, width + 2).clone()
    framed[..., 1:-1, 1:-1] = images
    across = _whole_places(maps[:, :3], height, width, images.device).clamp_(-1, width)
    down = _whole_places(maps[:, 3:], height, width, images.device).clamp_(-1, height)
    place = down.add_(1).mul_(width + 2).add_(across).add_(1).long().view(n, 1, -1).expand(-1, channels, -1)
    return framed.flatten(2).gather(2, place).view_as(images)


def _whole_places(rows: NDArray[np.float64], height: int, width: int, device: torch.device) -> Tensor:
    """Pixel numbers along one axis for all pixels of the result: int32 n, H, W."""
    a, b, c = rows.T
    fixed = np.floor(np.stack((a, b, c + a / 2 + b / 2)) * (1 << FRACTION) + 0.5).astype(np.int32)
    per_x, per_y, start = torch.from_numpy(fixed).to(device)[:, :, None, None]
    x, y = torch.arange(width, dtype=torch.int32, device=device), torch.arange(height, dtype=torch.int32, device=device)
    return ((start + per_y * y[:, None]) + per_x * x).bitwise_right_shift_(FRACTION)


def _bilinear(images: Tensor, maps: NDArray[np.float64], sampling: Sampling) -> Tensor:
    """As in Pillow the image's edge is sharp: a pixel whose place lies outside is filled, none is half filled."""
    height, width = images.shape[-2:]
    theta = torch.from_numpy(maps.astype(np.float32)).to(images.device)
    x = torch.arange(width, device=images.device) + 0.5
    y = (torch.arange(height, device=images.device) + 0.5)[:, None]
    a, b, c, d, e, f = theta.T[:, :, None, None]
    across, down = (b * y + c) + a * x, (e * y + f) + d * x
    inside = (across >= 0) & (across < width) & (down >= 0) & (down < height)
    grid = torch.stack((across.mul_(2 / width).sub_(1), down.mul_(2 / height).sub_(1)), dim=3)
    found = F.grid_sample(images.float(), grid, mode="bilinear", padding_mode="border", align_corners=False)
    outside = inside.logical_not_()[:, None].expand_as(images)
    return torch.where(outside, sampling.colour(images), found.to(torch.uint8))

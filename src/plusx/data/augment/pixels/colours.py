"""Operations that take each pixel by itself, or with its image's grey level: Pillow's arithmetic on whole batches.

All take and give uint8 n, C, H, W with C = 3 or 1. `factor` float32 (n,) is that of Pillow's ImageEnhance: 0 gives the
degenerate image, 1 the image itself, more than 1 goes beyond it. Equal to Pillow in every pixel.
"""

import torch
from torch import Tensor

LUMA = (19595, 38470, 7471)  # ITU-R BT.601 in 1/65536, as Pillow's conversion to "L" has it


def grey_levels(images: Tensor) -> Tensor:
    """float32 n, 1, H, W with whole numbers 0..255. All sums are below 2^24, and so exact."""
    if images.shape[1] == 1:
        return images.float()
    red, green, blue = (images[:, c : c + 1].float().mul_(weight) for c, weight in enumerate(LUMA))
    return red.add_(green).add_(blue).add_(1 << 15).div_(1 << 16).floor_()


def blend(images: Tensor, degenerate: Tensor, factor: Tensor) -> Tensor:
    """degenerate + factor · (images − degenerate), cut off to 0..255 and to whole numbers. degenerate: float32."""
    mixed = images.float().sub_(degenerate)
    return mixed.mul_(per_image(factor)).add_(degenerate).clamp_(0, 255).to(torch.uint8)


def per_image(values: Tensor) -> Tensor:
    """(n,) → n, 1, 1, 1."""
    return values[:, None, None, None]


def brightness(images: Tensor, factor: Tensor) -> Tensor:
    """Towards black, or away from it."""
    return images.float().mul_(per_image(factor)).clamp_(0, 255).to(torch.uint8)


def saturation(images: Tensor, factor: Tensor) -> Tensor:
    """Towards grey, or away from it; a grey image stays."""
    return images.clone() if images.shape[1] == 1 else blend(images, grey_levels(images), factor)


def contrast(images: Tensor, factor: Tensor) -> Tensor:
    """Towards the image's mean grey level, rounded, or away from it."""
    pixels = images.shape[-2] * images.shape[-1]
    total = grey_levels(images).long().sum((1, 2, 3))
    mean = (2 * total + pixels).div(2 * pixels, rounding_mode="floor")
    return blend(images, per_image(mean.float()), factor)


def greyscale(images: Tensor, _: Tensor) -> Tensor:
    """All channels the grey level."""
    return grey_levels(images).to(torch.uint8).expand_as(images).contiguous()

"""Operations that map the levels of a channel to other levels: what Pillow does by a table of 256 entries.

All take and give uint8 n, C, H, W. Equal to Pillow in every pixel, but for `autocontrast`.
"""

import torch
from torch import Tensor

from plusx.data.augment.pixels.colours import per_image

TOP = 255


def posterize(images: Tensor, bits: Tensor) -> Tensor:
    """Keeps the highest `bits` (n,) of 8; 8 and more: the image as it is; 0: black."""
    mask = (1 << 8) - (1 << (8 - bits.clamp(0, 8).int()))
    return images & per_image(mask.to(torch.uint8))


def solarize(images: Tensor, threshold: Tensor) -> Tensor:
    """Inverts what is at or above `threshold` (n,), 0..256."""
    lowest = threshold.ceil()
    inverted = per_image((lowest <= TOP).to(torch.uint8) * TOP)
    above = images >= per_image(lowest.clamp(0, TOP).to(torch.uint8))
    return above.view(torch.uint8).mul_(inverted).bitwise_xor_(images)


def solarize_add(images: Tensor, amount: Tensor) -> Tensor:
    """Adds `amount` (n,), 0..127, to what is below 128 (Cubuk et al., code of AutoAugment in TensorFlow)."""
    below = images < (TOP + 1) // 2
    return below.view(torch.uint8).mul_(per_image(amount.to(torch.uint8))).add_(images)


def invert(images: Tensor, _: Tensor) -> Tensor:
    """255 − x."""
    return images ^ TOP


def autocontrast(images: Tensor, _: Tensor) -> Tensor:
    """Stretches each channel so that its darkest level becomes 0 and its lightest 255.

    ⌊255 (x − low) / (high − low)⌋ exactly. Pillow computes its table in floating point, which in places comes out below
    the whole number: then the result differs by 1 level.
    """
    low, high = images.amin((2, 3), keepdim=True).float(), images.amax((2, 3), keepdim=True).float()
    flat = high == low
    spread = torch.where(flat, TOP, high - low)
    return images.float().sub_(low.masked_fill_(flat, 0)).mul_(TOP).div_(spread).to(torch.uint8)


def equalize(images: Tensor, _: Tensor) -> Tensor:
    """Gives each channel a histogram as even as can be; a channel of too few different levels stays."""
    n, channels, height, width = images.shape
    flat = images.reshape(n * channels, height * width)
    table = _equalizing(histograms(flat))
    return torch.gather(table, 1, flat.long()).view_as(images)


def histograms(flat: Tensor) -> Tensor:
    """flat: uint8 rows, pixels. int64 rows, 256: how often each level comes in a row."""
    return torch.stack([row.bincount(minlength=TOP + 1) for row in flat])


def _equalizing(counts: Tensor) -> Tensor:
    """counts: int64 rows, 256. The new level of each: uint8 rows, 256. Pillow's rule, in whole numbers."""
    levels = torch.arange(TOP + 1, device=counts.device)
    last = torch.where(counts > 0, levels, -1).amax(1, keepdim=True)
    step = (counts.sum(1, keepdim=True) - counts.gather(1, last)).div(TOP, rounding_mode="floor")
    before = counts.cumsum(1) - counts + step.div(2, rounding_mode="floor")
    table = before.div(step.clamp(min=1), rounding_mode="floor").clamp_(max=TOP)
    return torch.where(step == 0, levels, table).to(torch.uint8)

"""Stochastic depth: y = b / (1 − r) · F(x) + x in training, b = 0 with probability r, else 1, drawn for each image.

Huang, Sun, Liu, Sedra, Weinberger: Deep Networks with Stochastic Depth, 2016, arXiv 1603.09382; r rises
linearly with depth. The paper draws once a batch and multiplies by 1 − r at test; here, as in timm and
torchvision, each image has its own b, and what stays is divided in training, so that evaluation is the plain network.
"""

from torch import Tensor


def drop_path(y: Tensor, rate: float) -> Tensor:
    """F(x), B, C, H, W, of which some images are 0 and the others divided by 1 − `rate`.

    Drawn from torch's global generator of the device.
    """
    keep = 1.0 - rate
    return y * y.new_empty(len(y), *[1] * (y.ndim - 1)).bernoulli_(keep).div_(keep)


def rising(rate: float, units: int) -> list[float]:
    """`rate` · l / (units − 1) for l from 0: as timm; the paper has `rate` · l / units for l from 1."""
    return [rate * number / (units - 1) for number in range(units)] if units > 1 else [rate] * units

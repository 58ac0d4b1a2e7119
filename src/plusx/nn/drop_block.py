"""DropBlock: squares of a map become 0 in training, since single points would be guessed from their neighbours.

Ghiasi, Lin, Le: DropBlock: A regularization method for convolutional networks, 2018, arXiv 1810.12890. All channels of
an image share their squares.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d


@dataclass(frozen=True)
class DropBlock:
    """`rate`: the share of points that are dropped, about; 0 to below 1. `size`: of a square's side in points; that of
    the map where it is smaller."""

    rate: float
    size: int = 7


def drop_block(x: Tensor, config: DropBlock) -> Tensor:
    """x, B, C, H, W, with squares of zeros; what stays is multiplied so that the sum of a batch of ones stays.

    Drawn from torch's global generator of the device.
    """
    height, width = x.shape[2:]
    h, w = min(config.size, height), min(config.size, width)
    gamma = config.rate * height * width / (h * w * (height - h + 1) * (width - w + 1))
    with torch.no_grad():
        centres = torch.empty(len(x), 1, height, width, device=x.device).bernoulli_(min(gamma, 1.0))
        holes = max_pool2d(centres, (h, w), stride=1, padding=(h // 2, w // 2))[..., (h + 1) % 2 :, (w + 1) % 2 :]
        kept = 1.0 - holes
        kept *= kept.numel() / kept.sum().clamp(min=1.0)
    return x * kept.to(x.dtype)

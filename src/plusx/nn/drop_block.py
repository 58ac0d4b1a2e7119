"""DropBlock: squares of a map become 0 in training, since single points would be guessed from their neighbours.

Ghiasi, Lin, Le: DropBlock: A regularization method for convolutional networks, 2018, arXiv 1810.12890. All channels of
an image share their squares, which lie wholly inside the map, as in the paper and torchvision: with centres anywhere,
as in timm, next to nothing would be left of the smallest maps.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d, pad


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
    places = height - h + 1, width - w + 1
    gamma = config.rate * height * width / (h * w * places[0] * places[1])
    with torch.no_grad():
        corners = torch.empty(len(x), 1, *places, device=x.device).bernoulli_(min(gamma, 1.0))
        holes = max_pool2d(pad(corners, (w - 1, w - 1, h - 1, h - 1)), (h, w), stride=1)
        kept = 1.0 - holes
        kept *= kept.numel() / kept.sum().clamp(min=1.0)
    return x * kept.to(x.dtype)

"""View: how the network's input shows an image, and the way back to the image's own pixels."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class View:
    """An image of `height` × `width` pixels, resized to `resized` (height, width), of which the input shows `size`
    (height, width) pixels from row `top` and column `left` on; negative ones leave room before the image.

    Sizes may be symbolic while a graph is recorded.
    """

    height: int
    width: int
    resized: tuple[int, int]
    top: int
    left: int
    size: tuple[int, int]

    def boxes_to_image(self, boxes: Tensor) -> Tensor:
        """Boxes (..., 4), x1, y1, x2, y2 in pixels of the input → in pixels of the image, cut at its edges."""

        def back(points: Tensor, start: int, resized: int, whole: int) -> Tensor:
            length = torch.scalar_tensor(whole, dtype=points.dtype, device=points.device)
            factor = length / torch.scalar_tensor(resized, dtype=points.dtype, device=points.device)
            return ((points + start) * factor).clamp(min=0).minimum(length)

        x = back(boxes[..., 0::2], self.left, self.resized[1], self.width)
        y = back(boxes[..., 1::2], self.top, self.resized[0], self.height)
        return torch.stack((x, y), dim=-1).flatten(-2)

    def maps_to_image(self, maps: Tensor) -> Tensor:
        """Maps (B, C, h, w) on the grid of the input → (B, C, height, width), bilinear, half-pixel centres.

        Written as products with the matrices of both axes, so that sizes may be symbolic. Points of the image that the
        input does not show repeat the nearest that it does.
        """
        rows = _matrix(self.height, self.resized[0], self.top, maps.shape[2], maps)
        columns = _matrix(self.width, self.resized[1], self.left, maps.shape[3], maps)
        return rows @ (maps @ columns.T)


def _matrix(length: int, resized: int, start: int, points: int, like: Tensor) -> Tensor:
    """(length, points): the weights of the input's points for each pixel of the image along one axis."""
    pixels = torch.arange(length, device=like.device, dtype=torch.float32)[:, None]
    ratio = torch.scalar_tensor(resized, device=like.device) / torch.scalar_tensor(length, device=like.device)
    last = torch.scalar_tensor(resized, device=like.device) - start - 1  # of the points that show the image
    places = ((pixels + 0.5) * ratio - 0.5 - start).clamp(min=torch.sym_max(-start, 0)).minimum(last)
    distance = (places.clamp(max=points - 1) - torch.arange(points, device=like.device)[None, :]).abs()
    return (1 - distance).clamp(min=0).to(like.dtype)

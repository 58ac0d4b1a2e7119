"""Attention to a few points of every map, whose places follow from the query.

Zhu et al. 2021, Deformable DETR (arXiv 2010.04159), equation 3: Σ_m W_m Σ_l Σ_k A_mlqk W'_m x^l(φ_l(p̂_q) + Δp_mlqk),
for heads m, levels l, points k. p̂_q is a box here: the offsets are in halves of its sides over the number of points
(the paper's appendix A.4).
"""

import math
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn
from torch.nn.functional import grid_sample


@dataclass(frozen=True)
class Memory:
    """Maps of several strides beside each other, flat (B, C, S), finest first, each row by row.

    grids: h, w of each map. extents: height and width of what it covers in parts of the image's; 1 but where strides
    do not divide the image's sides.
    """

    flat: Tensor
    grids: tuple[tuple[int, int], ...]
    extents: tuple[tuple[float, float], ...]

    @staticmethod
    def of(maps: list[Tensor], strides: tuple[int, ...], size: tuple[int, int]) -> "Memory":
        """maps: (B, C, h, w) of images of `size` (H, W)."""
        grids = tuple((x.shape[2], x.shape[3]) for x in maps)
        pairs = zip(grids, strides, strict=True)
        extents = tuple((h * stride / size[0], w * stride / size[1]) for (h, w), stride in pairs)
        return Memory(torch.cat([x.flatten(2) for x in maps], dim=2), grids, extents)

    @property
    def tokens(self) -> Tensor:
        """(B, S, C)."""
        return self.flat.transpose(1, 2)


@final
class DeformableAttention(nn.Module):
    """`points` of each of `levels` maps for each head. Starts with points on rays around the box's centre, one
    direction a head, and equal weights: section 3.1 and appendix A.4 of the paper."""

    def __init__(self, channels: int, heads: int, levels: int, points: int) -> None:
        super().__init__()
        self.heads, self.points = heads, points
        self.offsets = nn.Linear(channels, heads * levels * points * 2)
        self.weights = nn.Linear(channels, heads * levels * points)
        self.values = nn.Linear(channels, channels)
        self.output = nn.Linear(channels, channels)
        for layer in (self.offsets, self.weights):
            nn.init.zeros_(layer.weight)
        for layer in (self.values, self.output):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
        nn.init.zeros_(self.weights.bias)
        self.offsets.bias = nn.Parameter(_rays(heads, levels, points))

    def forward(self, queries: Tensor, boxes: Tensor, memory: Memory) -> Tensor:
        """queries (B, Q, C), their boxes (B, Q, 4): centre and sides in parts of the image's -> (B, Q, C)."""
        offsets = self.offsets(queries).unflatten(2, (self.heads, -1, 2)).float()
        centres, sides = boxes[:, :, None, None, :2], boxes[:, :, None, None, 2:]
        places = _by_head(centres + offsets * sides * (0.5 / self.points))
        weights = _by_head(self.weights(queries).unflatten(2, (self.heads, -1)).float()).softmax(dim=1)
        maps = self._values(memory).split([h * w for h, w in memory.grids], dim=2)
        parts = (maps, places.split(self.points, dim=1), weights.unsqueeze(1).split(self.points, dim=2))
        levels = zip(*parts, memory.grids, memory.extents, strict=True)
        found = sum((_sampled(x, at, grid, extent) * share).sum(dim=2) for x, at, share, grid, extent in levels)
        assert isinstance(found, Tensor)
        return self.output(found.view(queries.shape[0], -1, found.shape[2]).transpose(1, 2))

    def _values(self, memory: Memory) -> Tensor:
        """(B · heads, C / heads, S) in 32 bits, a product with the maps as they lie."""
        weight = self.values.weight.expand(memory.flat.shape[0], -1, -1)
        values = torch.baddbmm(self.values.bias[:, None], weight, memory.flat).float()
        return values.view(-1, values.shape[1] // self.heads, values.shape[2])


def _by_head(x: Tensor) -> Tensor:
    """(B, Q, heads, points, ...) -> (B · heads, points, Q, ...)."""
    return x.movedim(1, 3).flatten(0, 1)


def _sampled(x: Tensor, places: Tensor, grid: tuple[int, int], extent: tuple[float, float]) -> Tensor:
    """x (N, d, h · w) at places x, y (N, points, Q, 2) in parts of the image -> (N, d, points, Q); 0 outside."""
    scale = torch.tensor([2 / extent[1], 2 / extent[0]], device=places.device)
    return grid_sample(x.unflatten(2, grid), places * scale - 1, align_corners=False)


def _rays(heads: int, levels: int, points: int) -> Tensor:
    """The first offsets x, y, flat: of head m the direction 2π m / heads, its larger part 1, 2, ... for the points."""
    angles = torch.arange(heads) * (2 * math.pi / heads)
    directions = torch.stack((angles.cos(), angles.sin()), dim=-1)
    directions = directions / directions.abs().amax(dim=-1, keepdim=True)
    steps = torch.arange(1, points + 1)
    return (directions[:, None, None] * steps[:, None]).expand(-1, levels, -1, -1).flatten()

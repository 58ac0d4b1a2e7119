"""Anchors of a feature pyramid: boxes of some sizes and shapes around every point of every map (Ren et al. 2015)."""

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import AnchorGenerator


@final
class Anchors(nn.Module):
    """`sizes`: of each level, pixels; `ratios`: height / width, of all sizes and levels. Rounded to whole pixels."""

    def __init__(self, sizes: Sequence[Sequence[int]], ratios: Sequence[float]) -> None:
        super().__init__()
        shapes = AnchorGenerator(tuple(map(tuple, sizes)), (tuple(ratios),) * len(sizes)).cell_anchors
        self.names = tuple(f"level{level}" for level in range(len(sizes)))
        for name, around in zip(self.names, shapes, strict=True):
            self.register_buffer(name, around, persistent=False)
        self.of_a_point = len(shapes[0])

    def forward(self, grids: Sequence[tuple[int, int]], steps: Sequence[tuple[int, int]]) -> list[Tensor]:
        """Level by level (h · w · n, 4), pixels. grids: h, w of its map; steps: pixels from point to point, y, x."""
        levels = zip(self.names, grids, steps, strict=True)
        return [_shifted(self.get_buffer(name), grid, step) for name, grid, step in levels]


def _shifted(around: Tensor, grid: tuple[int, int], step: tuple[int, int]) -> Tensor:
    y = torch.arange(grid[0], device=around.device) * step[0]
    x = torch.arange(grid[1], device=around.device) * step[1]
    ys, xs = torch.meshgrid(y, x, indexing="ij")
    points = torch.stack((xs, ys, xs, ys), dim=-1).reshape(-1, 1, 4)
    return (points + around).reshape(-1, 4)

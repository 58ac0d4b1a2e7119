"""The points at which an anchor-free head predicts: one in the middle of every cell of every level."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Grid:
    """points: x, y in pixels (P, 2), finest level first, each level row by row; strides: of each point (P,).

    `rows`, `columns`: of the finest level, whose points come first.
    """

    points: Tensor
    strides: Tensor
    rows: int
    columns: int

    @staticmethod
    def of(maps: Sequence[Tensor], strides: Sequence[int]) -> "Grid":
        """maps: (B, C, h, w), finest first. Point (x + ½) · stride, as in FCOS (Tian et al. 2019), section 3.1."""
        points = [_points(x, stride) for x, stride in zip(maps, strides, strict=True)]
        sizes = [level.new_full((level.shape[0],), stride) for level, stride in zip(points, strides, strict=True)]
        return Grid(torch.cat(points), torch.cat(sizes), maps[0].shape[-2], maps[0].shape[-1])

    def inside(self, boxes: Tensor) -> Tensor:
        """boxes (B, M, 4) -> which points lie in them (B, M, P), their own cell's always among them.

        A box's own cell is the one of the finest level that its centre is in: so that boxes between the points, smaller
        than a cell, have one as well.
        """
        x, y = self.points.unbind(dim=-1)
        x1, y1, x2, y2 = boxes.unsqueeze(2).unbind(dim=-1)
        found = (x > x1) & (x < x2) & (y > y1) & (y < y2)
        return found.scatter_(2, self._own(boxes).unsqueeze(2), True)

    def _own(self, boxes: Tensor) -> Tensor:
        """(B, M, 4) -> index of the own cell (B, M)."""
        cell = ((boxes[..., :2] + boxes[..., 2:]) / 2 / self.strides[0]).floor().long()
        x = cell[..., 0].clamp(min=0, max=self.columns - 1)
        y = cell[..., 1].clamp(min=0, max=self.rows - 1)
        return y * self.columns + x


def _points(x: Tensor, stride: int) -> Tensor:
    """(h · w, 2) in 32 bits."""
    rows = (torch.arange(x.shape[-2], device=x.device, dtype=torch.float32) + 0.5) * stride
    columns = (torch.arange(x.shape[-1], device=x.device, dtype=torch.float32) + 0.5) * stride
    grid = torch.meshgrid(columns, rows, indexing="xy")
    return torch.stack(grid, dim=-1).flatten(0, 1)

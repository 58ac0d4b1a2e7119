"""Default boxes of SSD: around the centre of every cell of every map, in the scales and shapes of the map."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from plusx.nn.detection.boxes import corners_from_centres


def shapes(scales: Sequence[float], ratios: Sequence[Sequence[float]]) -> list[list[tuple[float, float]]]:
    """Map by map the widths and heights, in parts of the image's, at most 1. Liu et al. 2015, section 2.2.

    s_k × s_k, √(s_k s_k+1) squared, and for every ratio a: s_k √a × s_k / √a and the same turned. `scales` has one more
    than there are maps.
    """
    found = []
    for (s, after), map_ratios in zip(pairwise(scales), ratios, strict=True):
        sides = [(s, s), (math.sqrt(s * after),) * 2]
        for ratio in map_ratios:
            long, short = s * math.sqrt(ratio), s / math.sqrt(ratio)
            sides += [(long, short), (short, long)]
        found.append([(min(width, 1.0), min(height, 1.0)) for width, height in sides])
    return found


def default_boxes(
    sides: Sequence[Sequence[tuple[float, float]]],
    grids: Sequence[tuple[int, int]],
    size: tuple[int, int],
    device: torch.device,
) -> Tensor:
    """All maps' boxes, cell by cell: (A, 4), pixels of images of `size` (H, W). `grids`: h, w of each map."""
    every = [_of_map(one, *grid, device) for one, grid in zip(sides, grids, strict=True)]
    height, width = size
    return corners_from_centres(torch.cat(every)) * torch.tensor([width, height, width, height], device=device)


def _of_map(sides: Sequence[tuple[float, float]], height: int, width: int, device: torch.device) -> Tensor:
    y = (torch.arange(height, device=device) + 0.5) / height
    x = (torch.arange(width, device=device) + 0.5) / width
    ys, xs = torch.meshgrid(y, x, indexing="ij")
    cells = torch.stack((xs, ys), dim=-1).reshape(-1, 1, 2).expand(-1, len(sides), 2)
    return torch.cat((cells, torch.tensor(sides, device=device).expand(len(cells), -1, 2)), dim=-1).reshape(-1, 4)

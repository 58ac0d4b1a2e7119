"""The encoder of RT-DETR: attention within the coarsest map, convolutions between the maps.

Zhao et al. 2023 (arXiv 2304.08069), section 4.2: AIFI is one transformer layer on the map of stride 32, whose points
know their places by sines; CCFF goes from coarse to fine and back, each step a fusion block (figure 4) of RepVGG blocks
(Ding et al. 2021, arXiv 2101.03697).
"""

from collections.abc import Sequence
from typing import Final, final

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, gelu, interpolate, pad, silu

from plusx.nn.conv import Activation, conv, conv_norm, conv_norm_act
from plusx.nn.detection.self_attention import SelfAttention

BLOCKS: Final = 3
"""RepVGG blocks of a fusion block: the authors' code, github.com/lyuwenyu/RT-DETR."""
SILU: Final[Activation] = nn.SiLU


@final
class HybridEncoder(nn.Module):
    """`widths`: of the maps that come in, finest first. `hidden`: of the transformer layer. `expansion`: width of the
    fusion blocks' inner maps in parts of `channels`."""

    def __init__(self, widths: Sequence[int], channels: int, heads: int, hidden: int, expansion: float) -> None:
        super().__init__()
        steps = range(len(widths) - 1)
        self.project = nn.ModuleList(conv_norm(conv(width, channels, 1)) for width in widths)
        self.within = WithinScale(channels, heads, hidden)
        self.lateral = nn.ModuleList(conv_norm_act(conv(channels, channels, 1), act=SILU) for _ in steps)
        self.to_finer = nn.ModuleList(Fusion(channels, expansion) for _ in steps)
        self.down = nn.ModuleList(conv_norm_act(conv(channels, channels, 3, stride=2), act=SILU) for _ in steps)
        self.to_coarser = nn.ModuleList(Fusion(channels, expansion) for _ in steps)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """(B, width, h, w) -> (B, channels, h, w), finest first."""
        maps = [project(x) for project, x in zip(self.project, maps, strict=True)]
        coarse, found = self.within(maps[-1]), []
        for lateral, fuse, finer in zip(self.lateral, self.to_finer, reversed(maps[:-1]), strict=True):
            found.append(lateral(coarse))
            coarse = fuse(interpolate(found[-1], size=finer.shape[-2:], mode="nearest"), finer)
        outputs = [coarse]
        for down, fuse, coarser in zip(self.down, self.to_coarser, reversed(found), strict=True):
            outputs.append(fuse(down(outputs[-1]), coarser))
        return outputs


@final
class WithinScale(nn.Module):
    """AIFI: one transformer layer (Vaswani et al. 2017, section 3.1), places added to queries and keys."""

    def __init__(self, channels: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.attention = SelfAttention(channels, heads)
        self.norm1, self.norm2 = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.linear1, self.linear2 = nn.Linear(channels, hidden), nn.Linear(hidden, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) -> the same shape."""
        tokens, grid = x.flatten(2).transpose(1, 2), x.shape[2:]
        places = sines(grid[0], grid[1], x.shape[1], x.device).to(tokens.dtype)
        tokens = self.norm1(tokens + self.attention(tokens, places))
        tokens = self.norm2(tokens + self.linear2(gelu(self.linear1(tokens))))
        return tokens.transpose(1, 2).unflatten(2, grid)


@final
class Fusion(nn.Module):
    """Two maps of one size as one: two 1×1 convolutions of both, one of them through RepVGG blocks, and their sum."""

    def __init__(self, channels: int, expansion: float) -> None:
        super().__init__()
        inner = int(channels * expansion)
        self.conv1 = conv_norm_act(conv(2 * channels, inner, 1), act=SILU)
        self.conv2 = conv_norm_act(conv(2 * channels, inner, 1), act=SILU)
        self.blocks = nn.Sequential(*(RepVGG(inner) for _ in range(BLOCKS)))
        self.conv3 = nn.Identity() if inner == channels else conv_norm_act(conv(inner, channels, 1), act=SILU)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        both = torch.cat((a, b), dim=1)
        return self.conv3(self.blocks(self.conv1(both)) + self.conv2(both))


@final
class RepVGG(nn.Module):
    """3×3 beside 1×1, each with its normalisation; outside of training one 3×3 convolution that gives the same (section
    3.3 of its paper)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv3x3 = conv_norm(conv(channels, channels, 3))
        self.conv1x1 = conv_norm(conv(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            return silu(self.conv3x3(x) + self.conv1x1(x))
        wide, wide_bias = _folded(self.conv3x3)
        point, point_bias = _folded(self.conv1x1)
        return silu(conv2d(x, wide + pad(point, (1, 1, 1, 1)), wide_bias + point_bias, padding=1))


def _folded(layer: nn.Sequential) -> tuple[Tensor, Tensor]:
    """Kernel and bias of a convolution with its normalisation, statistics being fixed."""
    weight, norm = layer.get_parameter("conv.weight"), layer.get_submodule("norm")
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    return weight * scale[:, None, None, None], norm.bias - norm.running_mean * scale


def sines(height: int, width: int, channels: int, device: torch.device) -> Tensor:
    """Of every point, row by row: sin y ω, cos y ω, sin x ω, cos x ω; (h · w, channels).

    ω = 10000^(−i / n) for i < n = channels / 4: Vaswani et al. 2017, section 3.5, for both axes.
    """
    parts = channels // 4
    frequency = 10_000 ** -(torch.arange(parts, device=device) / parts)
    y, x = (torch.arange(side, device=device)[:, None] * frequency for side in (height, width))
    rows = torch.cat((y.sin(), y.cos()), dim=1)[:, None].expand(-1, width, -1)
    columns = torch.cat((x.sin(), x.cos()), dim=1)[None].expand(height, -1, -1)
    return torch.cat((rows, columns), dim=2).flatten(0, 1)

"""Channel shuffle: the maps of all groups take turns, so that the next grouped convolution sees some of each.

Xiangyu Zhang, Xinyu Zhou, Mengxiao Lin, Jian Sun: ShuffleNet, 2017, arXiv 1707.01083, section 3.1: the g·n channels are
seen as a table of g rows and n columns, which is transposed.
"""

from typing import final

import torch
from torch import Tensor, nn
from torch.nn.functional import channel_shuffle


@final
class ChannelShuffle(nn.Module):
    """Map i·n + j becomes map j·g + i, for i of `groups` = g and n = channels / g. B, C, H, W → the same shape."""

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type != "cpu" and in_channels_last(x):
            return last_transposed(x, self.groups)  # torch's own leaves channels_last everywhere but on a CPU
        return channel_shuffle(x, self.groups)

    def extra_repr(self) -> str:
        return f"groups={self.groups}"


def in_channels_last(x: Tensor) -> bool:
    """Whether the channels of one pixel lie side by side, and not at the same time those of one map."""
    return x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()


def last_transposed(x: Tensor, groups: int) -> Tensor:
    """The shuffle of a map in channels_last, which stays so."""
    rows = x.permute(0, 2, 3, 1).unflatten(3, (groups, -1))
    return rows.transpose(3, 4).flatten(3).permute(0, 3, 1, 2)


def interleaved(a: Tensor, b: Tensor) -> Tensor:
    """The shuffle in two groups of a's maps before b's: a_0, b_0, a_1, b_1, ...

    a, b: B, C, H, W. Gives B, 2·C, H, W in b's memory format. Written once, where concatenating and then shuffling
    writes every map twice: a half to a third of the time on a CPU.
    """
    if in_channels_last(b):
        pixels = (a.permute(0, 2, 3, 1), b.permute(0, 2, 3, 1))
        return torch.stack(pixels, dim=4).flatten(3).permute(0, 3, 1, 2)
    return torch.stack((a, b), dim=2).flatten(1, 2)

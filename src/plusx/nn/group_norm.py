"""Group normalisation in the place of batch normalisation.

Wu and He 2018, "Group Normalization", arXiv 1803.08494: mean and variance of a group of maps of one image, so that no
image depends on the others of its batch. 32 groups, as in their section 4.
"""

from typing import Final

import torch
from torch import nn

GROUPS: Final = 32
"""Wu and He, section 4: the default of all their networks."""


def groups_of(channels: int, groups: int = GROUPS) -> int:
    """The largest number of equal groups of two channels or more, at most `groups`; of fewer than four channels one.

    Wu and He's networks have it exactly; 16 channels have 8, 24 have 12. A group of one channel would lose its mean.
    """
    return next(number for number in range(min(groups, max(1, channels // 2)), 0, -1) if channels % number == 0)


def grouped(module: nn.Module, groups: int = GROUPS) -> int:
    """Replaces every BatchNorm2d inside `module`, in place; returns how many there were.

    Scale, shift and epsilon are carried over; the running statistics are given up, so the network answers otherwise and
    has to be trained further.
    """
    found = [
        (parent, name, child)
        for parent in module.modules()
        for name, child in parent.named_children()
        if isinstance(child, nn.BatchNorm2d | nn.SyncBatchNorm)
    ]
    for parent, name, norm in found:
        setattr(parent, name, _of_groups(norm, groups))
    return len(found)


@torch.no_grad()
def _of_groups(norm: nn.BatchNorm2d | nn.SyncBatchNorm, groups: int) -> nn.GroupNorm:
    channels, affine = norm.num_features, norm.weight is not None
    made = nn.GroupNorm(groups_of(channels, groups), channels, norm.eps, affine)
    if affine:
        made.to(norm.weight)
        made.weight.copy_(norm.weight).requires_grad_(norm.weight.requires_grad)
        made.bias.copy_(norm.bias).requires_grad_(norm.bias.requires_grad)
    return made.train(norm.training)

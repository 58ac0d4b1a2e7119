"""What all segmentation heads share: which maps of a backbone they look at, resizing, and how the last layer begins."""

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from plusx.core.errors import InputError
from plusx.core.stage import Stage
from plusx.nn.conv import conv, with_bias


def deepest(stages: tuple[Stage, ...], stride: int) -> Stage | None:
    """The last of the stages that have this stride; None where there is none."""
    return next((stage for stage in reversed(stages) if stage.stride == stride), None)


def finer(stages: tuple[Stage, ...], most: int, head: str) -> Stage:
    """The deepest of the stages that are finer than the last, of stride `most` or less.

    InputError where all stages have one stride. `head`: for the message.
    """
    below = [stage for stage in stages if stage.stride <= most and stage.stride < stages[-1].stride]
    if not below:
        raise InputError(
            f"{head} needs a map finer than the last, of stride {most} or less; the network's strides are "
            f"{strides(stages)}. Take another network, or the head 'fcn'"
        )
    return max(below, key=lambda stage: (stage.stride, stages.index(stage)))


def strides(stages: tuple[Stage, ...]) -> str:
    """All of them, as words for a message."""
    return ", ".join(str(stage.stride) for stage in stages)


def resized(x: Tensor, like: Tensor, *, align_corners: bool = False) -> Tensor:
    """x (B, C, h, w) bilinearly on the grid of `like` (B, C', H, W): B, C, H, W."""
    if not torch.compiler.is_exporting() and x.shape[2:] == like.shape[2:]:
        return x
    return interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=align_corners)


def scores(channels: int, classes: int, kernel: int = 1) -> nn.Conv2d:
    """The last layer of a head: a convolution with bias to one map a class; to be begun with `begin_scores_`."""
    return with_bias(conv(channels, classes, kernel))


def begin_scores_(*layers: nn.Conv2d) -> None:
    """Weights uniform in ± 1 / √(inputs of a point), as torchvision leaves them; biases zero.

    Weights that begin nearer to zero all follow the most frequent class at first, since the maps before them are never
    negative: what belongs to another class then ends as no activation at all, where the bias alone can learn.
    """
    for layer in layers:
        bound = layer.weight[0].numel() ** -0.5
        nn.init.uniform_(layer.weight, -bound, bound)
        assert layer.bias is not None
        nn.init.zeros_(layer.bias)

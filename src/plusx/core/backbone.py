"""Backbone: images in, one named feature map per stage out."""

from abc import ABC
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TypeAlias, final

import torch
from torch import Tensor, nn

from plusx.core.errors import InputError
from plusx.core.recompute import recomputed
from plusx.core.stage import Hidden, Stage

Features: TypeAlias = dict[str, Tensor]
"""Stage name → map (B, channels, H / stride, W / stride, rounded up), from the input on."""


class Backbone(nn.Module, ABC):
    """A network without head. For every `Stage` it has a submodule of that name; each feeds the next.

    `stages` is set by the subclass's `__init__`, before any image has passed; `hidden` too, where the paper has a layer
    between the pooling and the classifier. `recompute`: in training no map inside a stage is kept for the backward
    pass, all are computed twice (gradient checkpointing): less memory, about a third more time, the same gradients.
    `channels_last`: types of devices on which images are brought into that memory format first, and all maps come in
    it, because the network was measured to be faster so; their values and sizes are the same.
    """

    stages: tuple[Stage, ...]
    hidden: Hidden | None = None
    recompute: bool = False
    channels_last: tuple[str, ...] = ()
    _done: int = 0

    @final
    @contextmanager
    def after(self, stages: int) -> Iterator[None]:
        """Inside, `forward` is given the maps of the last of so many first `stages` in place of images, and goes on."""
        before, self._done = self._done, stages
        try:
            yield
        finally:
            self._done = before

    @final
    def through(self, stages: int, images: Tensor) -> Tensor:
        """The maps of the last of so many first `stages`, one or more: what `forward` goes on with inside `after`."""
        if images.device.type in self.channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        for _, module in self.parts()[:stages]:
            images = module(images)
        return images

    @final
    def forward(self, images: Tensor) -> Features:
        """images: B, C, H, W, float, normalised as the card says; H, W at least the last stage's stride, so 32 or less.

        All stages' maps, in order. Raises InputError for other shapes.
        """
        if torch.compiler.is_compiling() or self._done:  # a graph that is being recorded may not know its sizes
            return self._features(images)
        _check(images, self.stages[-1].stride, self._in_channels())
        if images.device.type in self.channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        try:
            return self._features(images)
        except ValueError as error:
            if "more than 1 value per channel" not in str(error):
                raise
            raise InputError(
                f"one image of {images.shape[2]}×{images.shape[3]} pixels ends as a single point, of which batch "
                "normalisation cannot take statistics in training. Take two or more, larger ones, or eval mode"
            ) from error

    def _features(self, images: Tensor) -> Features:
        x = images
        features: Features = {self.stages[self._done - 1].name: x} if self._done else {}
        for stage in self.stages[self._done :]:
            module = getattr(self, stage.name)
            x = recomputed(module, x) if self.recompute and self.training else module(x)
            features[stage.name] = x
        return features

    def _in_channels(self) -> int | None:
        """What the first convolution takes; None where it was replaced by another layer."""
        first = getattr(self, self.stages[0].name).modules()
        return next((part.in_channels for part in first if isinstance(part, nn.Conv2d)), None)

    @final
    def parts(self) -> list[tuple[str, nn.Module]]:
        """The stages' modules from input to output: what freezing and lower rates for early layers go by."""
        return [(stage.name, getattr(self, stage.name)) for stage in self.stages]


_LARGE: Final = 8
"""Strides above it are those of networks for large images, all of which may be built for small ones."""


def _check(images: Tensor, stride: int, in_channels: int | None) -> None:
    """InputError for what is no batch of images, and for images of which nothing would be left."""
    if images.ndim != 4:
        raise InputError(
            f"images have shape {tuple(images.shape)}; expected four sizes: batch, channels, height, width"
        )
    if in_channels is not None and images.shape[1] != in_channels:
        raise InputError(
            f"images of shape {tuple(images.shape)} have {images.shape[1]} channels, the second size; the network "
            f"takes {in_channels}. Bring them into that form, or build the network with in_channels={images.shape[1]}"
        )
    if not images.is_floating_point():
        raise InputError(f"images are of {images.dtype}; expected floating point, scaled as the weights' card says")
    height, width = images.shape[2:]
    if min(height, width) < stride:
        way_out = ", or build the network with small_input=True" if stride > _LARGE else ""
        raise InputError(
            f"images of {height}×{width} pixels are too small: nothing would be left of them at the last stage, whose "
            f"stride is {stride}. Enlarge them to {stride}×{stride} or more{way_out}"
        )

"""Backbone: images in, one named feature map per stage out."""

from abc import ABC
from typing import TypeAlias, final

from torch import Tensor, nn

from plusx.core.stage import Stage

Features: TypeAlias = dict[str, Tensor]
"""Stage name → map (B, channels, H / stride, W / stride, rounded up), from the input on."""


class Backbone(nn.Module, ABC):
    """A network without head. For every `Stage` it has a submodule of that name; each feeds the next.

    `stages` is set by the subclass's `__init__`, before any image has passed.
    """

    stages: tuple[Stage, ...]

    @final
    def forward(self, images: Tensor) -> Features:
        """images: B, C, H, W, float, normalised as the card says; H, W ≥ 32. All stages' maps, in order."""
        features: Features = {}
        x = images
        for stage in self.stages:
            x = getattr(self, stage.name)(x)
            features[stage.name] = x
        return features

    @final
    def parts(self) -> list[tuple[str, nn.Module]]:
        """The stages' modules from input to output: what freezing and lower rates for early layers go by."""
        return [(stage.name, getattr(self, stage.name)) for stage in self.stages]

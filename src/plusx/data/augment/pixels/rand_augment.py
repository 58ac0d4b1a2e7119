"""RandAugment: N operations one after the other, each as likely, all of the same strength M.

Cubuk, Zoph, Shlens, Le: "RandAugment: Practical automated data augmentation with a reduced search space", CVPR
Workshops 2020, figure 2.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from plusx.core.errors import InputError
from plusx.data.augment.mixing import draw_numpy
from plusx.data.augment.pixels.affine import NEAREST, Sampling
from plusx.data.augment.pixels.drawing import BINS, check_count, check_share, perform_drawn, where
from plusx.data.augment.pixels.magnitudes import INCREASING, PAPER
from plusx.data.augment.pixels.pixel_augment import PixelAugment

TIMM_LEVELS = 10
IMAGENET_MEAN = (124, 116, 104)
"""ImageNet's mean colour, 0..255: what timm fills with."""
BILINEAR_ON_MEAN = Sampling("bilinear", IMAGENET_MEAN)


@dataclass(frozen=True)
class RandAugment(PixelAugment):
    """As the paper and torchvision have it: N of 14 operations at strength M of 0..30. Defaults: torchvision's."""

    count: int = 2  # N
    magnitude: int = 9  # M
    sampling: Sampling = NEAREST

    def __post_init__(self) -> None:
        check_count("RandAugment count", self.count)
        if not 0 <= self.magnitude < BINS:
            raise InputError(f"RandAugment magnitude {self.magnitude} must lie in 0..{BINS - 1}")

    @property
    def moves(self) -> bool:
        return True

    def apply(self, images: Tensor, generator: torch.Generator) -> Tensor:
        rng, names = draw_numpy(generator), list(PAPER)
        levels = np.full(len(images), self.magnitude / (BINS - 1))
        for _ in range(self.count):
            chosen = [names[i] for i in rng.integers(len(names), size=len(images))]
            images = perform_drawn(images, chosen, levels, PAPER, self.sampling, rng)
        return images


@dataclass(frozen=True)
class TimmRandAugment(PixelAugment):
    """As timm has it with `inc1`: N of 15 operations, each skipped half of the time, at M ± noise of 0..10.

    `rand-m7-mstd0.5-inc1` is TimmRandAugment(magnitude=7), the one of the recipes A1 and A2 of Wightman, Touvron, Jégou
    2021, "ResNet strikes back", Table 2; A3 has 6. Where timm draws bilinear or bicubic sampling for each operation,
    it is bilinear here.
    """

    magnitude: float = 9.0  # m
    noise: float = 0.5  # mstd: standard deviation of M
    count: int = 2  # n
    chance: float = 0.5  # p, of each operation
    sampling: Sampling = BILINEAR_ON_MEAN

    def __post_init__(self) -> None:
        check_count("RandAugment count", self.count)
        check_share("RandAugment chance", self.chance)
        if not 0 <= self.magnitude <= TIMM_LEVELS or not 0 <= self.noise < float("inf"):
            raise InputError(
                f"RandAugment magnitude {self.magnitude} and noise {self.noise} must lie in 0..{TIMM_LEVELS} and be 0 "
                "or more: timm counts from 0 to 10, torchvision (RandAugment) from 0 to 30"
            )

    @property
    def moves(self) -> bool:
        return True

    def apply(self, images: Tensor, generator: torch.Generator) -> Tensor:
        rng, names, size = draw_numpy(generator), list(INCREASING), len(images)
        for _ in range(self.count):
            chosen = [names[i] for i in rng.integers(len(names), size=size)]
            chosen = where(rng.random(size) <= self.chance, chosen)
            levels = rng.normal(self.magnitude, self.noise, size).clip(0, TIMM_LEVELS) / TIMM_LEVELS
            images = perform_drawn(images, chosen, levels, INCREASING, self.sampling, rng)
        return images

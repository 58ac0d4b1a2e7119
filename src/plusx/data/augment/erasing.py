"""Random erasing: a random rectangle of an image is filled with noise.

Zhong, Zheng, Kang, Li, Yang: "Random Erasing Data Augmentation", AAAI 2020, algorithm 1.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import torch

from plusx.core.batch import Batch
from plusx.core.errors import InputError
from plusx.data.augment.augment import BatchAugment
from plusx.data.augment.mixing import draw_numpy


@dataclass(frozen=True)
class RandomErasing(BatchAugment):
    """Each image with its own chance and rectangle; targets stay. The noise is normal, as normalised pixels are."""

    probability: float = 0.25
    area: tuple[float, float] = (0.02, 0.4)  # part of the image's area: s_l, s_h
    ratio: tuple[float, float] = (0.3, 1 / 0.3)  # height / width: r_1, r_2

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise InputError(f"erasing probability {self.probability} must lie between 0 and 1")
        if not 0 < self.area[0] <= self.area[1] <= 1 or not 0 < self.ratio[0] <= self.ratio[1]:
            raise InputError(f"erasing area {self.area} and ratio {self.ratio} must be positive, low ≤ high, area ≤ 1")

    def apply(self, batch: Batch, generator: torch.Generator) -> Batch:
        rng = draw_numpy(generator)
        images = batch.images.clone(memory_format=torch.preserve_format)
        for i in np.flatnonzero(rng.random(len(batch)) < self.probability):
            y, x, h, w = self.draw_rectangle(images.shape[-2], images.shape[-1], rng)
            window = images[i, :, y : y + h, x : x + w]
            noise = torch.randn(window.shape, generator=generator, device=generator.device)
            window.copy_(noise, non_blocking=True)
        return replace(batch, images=images)

    def draw_rectangle(self, height: int, width: int, rng: np.random.Generator) -> tuple[int, int, int, int]:
        """top, left, height, width in pixels; a hundred attempts to fit in, then nothing."""
        for _ in range(100):
            area = height * width * rng.uniform(*self.area)
            ratio = rng.uniform(*self.ratio)
            h, w = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if h <= height and w <= width:
                return int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1)), h, w
        return 0, 0, 0, 0

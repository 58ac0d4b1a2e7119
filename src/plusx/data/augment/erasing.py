"""Random erasing: a random rectangle of an image is filled with noise.

Zhong, Zheng, Kang, Li, Yang: "Random Erasing Data Augmentation", AAAI 2020, algorithm 1.
"""

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from plusx.core.batch import Batch
from plusx.core.errors import InputError
from plusx.data.augment.augment import BatchAugment
from plusx.data.augment.mixing import draw_numpy


@dataclass(frozen=True)
class RandomErasing(BatchAugment):
    """Each image with its own chance and rectangles; targets stay. The noise is normal, as normalised pixels are.

    `fill`: noise for every pixel, one colour of noise for a rectangle, or 0, the mean ("pixel", "rand" and "const" of
    timm). `most`: 1 to so many rectangles share the area, as in timm.
    """

    probability: float = 0.25
    area: tuple[float, float] = (0.02, 0.4)  # part of the image's area: s_l, s_h
    ratio: tuple[float, float] = (0.3, 1 / 0.3)  # height / width: r_1, r_2
    fill: Literal["pixel", "colour", "mean"] = "pixel"
    most: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise InputError(f"erasing probability {self.probability} must lie between 0 and 1")
        if not 0 < self.area[0] <= self.area[1] <= 1 or not 0 < self.ratio[0] <= self.ratio[1]:
            raise InputError(f"erasing area {self.area} and ratio {self.ratio} must be positive, low ≤ high, area ≤ 1")

        if self.most < 1:
            raise InputError(f"erasing most {self.most} must be at least 1 rectangle")
        if self.fill not in ("pixel", "colour", "mean"):
            raise InputError(f"erasing fill {self.fill!r} must be pixel, colour or mean")

    def apply(self, batch: Batch, generator: torch.Generator) -> Batch:
        rng = draw_numpy(generator)
        images = batch.images.clone(memory_format=torch.preserve_format)
        for i in np.flatnonzero(rng.random(len(batch)) < self.probability):
            count = 1 if self.most == 1 else int(rng.integers(1, self.most + 1))
            for _ in range(count):
                y, x, h, w = self.draw_rectangle(images.shape[-2], images.shape[-1], rng, count)
                self._erase(images[i, :, y : y + h, x : x + w], generator)
        return replace(batch, images=images)

    def _erase(self, window: Tensor, generator: torch.Generator) -> None:
        if self.fill == "mean":
            window.zero_()
            return
        shape = window.shape if self.fill == "pixel" else (len(window), 1, 1)
        window.copy_(torch.randn(shape, generator=generator, device=generator.device), non_blocking=True)

    def draw_rectangle(
        self, height: int, width: int, rng: np.random.Generator, count: int = 1
    ) -> tuple[int, int, int, int]:
        """top, left, height, width in pixels, of one of `count`; a hundred attempts to fit in, then nothing."""
        for _ in range(100):
            area = height * width * rng.uniform(*self.area) / count
            ratio = rng.uniform(*self.ratio)
            h, w = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if h <= height and w <= width:
                return int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1)), h, w
        return 0, 0, 0, 0

"""3-Augment: for each image one of greyscale, solarization and Gaussian blur.

Touvron, Cord, Jégou: "DeiT III: Revenge of the ViT", ECCV 2022, section 3.2 ("Data augmentation").
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from plusx.core.errors import InputError
from plusx.data.augment.mixing import draw_numpy
from plusx.data.augment.pixels.affine import NEAREST
from plusx.data.augment.pixels.operations import perform
from plusx.data.augment.pixels.pixel_augment import PixelAugment

CHOICES = ("greyscale", "solarize", "gaussian-blur")
HALF = 128


@dataclass(frozen=True)
class ThreeAugment(PixelAugment):
    """Each as likely. `sigma`: the blur's standard deviation is uniform in it, in pixels. What is solarized is inverted
    from 128 on. The authors' colour jitter of 0.3 belongs to the transform: `--colour 0.3`.
    """

    sigma: tuple[float, float] = (0.1, 2.0)

    def __post_init__(self) -> None:
        if not 0 < self.sigma[0] <= self.sigma[1]:
            raise InputError(f"ThreeAugment sigma {self.sigma} must be two positive numbers, low ≤ high")

    @property
    def moves(self) -> bool:
        return False

    def apply(self, images: Tensor, generator: torch.Generator) -> Tensor:
        rng = draw_numpy(generator)
        chosen = rng.integers(len(CHOICES), size=len(images))
        values = np.where(chosen == 1, HALF, rng.uniform(*self.sigma, len(images)))
        return perform(images, [CHOICES[i] for i in chosen], values, NEAREST)

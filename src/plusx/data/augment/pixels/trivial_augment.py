"""TrivialAugment: one operation for each image, of random strength; nothing to tune.

Müller, Hutter: "TrivialAugment: Tuning-free Yet State-of-the-Art Data Augmentation", ICCV 2021, algorithm 1.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from plusx.data.augment.mixing import draw_numpy
from plusx.data.augment.pixels.affine import NEAREST, Sampling
from plusx.data.augment.pixels.drawing import BINS, perform_drawn
from plusx.data.augment.pixels.magnitudes import WIDE
from plusx.data.augment.pixels.pixel_augment import PixelAugment


@dataclass(frozen=True)
class TrivialAugment(PixelAugment):
    """The wide space of 14 operations, 31 strengths: what torchvision calls TrivialAugmentWide."""

    sampling: Sampling = NEAREST

    @property
    def moves(self) -> bool:
        return True

    def apply(self, images: Tensor, generator: torch.Generator) -> Tensor:
        rng, names = draw_numpy(generator), list(WIDE)
        chosen = [names[i] for i in rng.integers(len(names), size=len(images))]
        levels = rng.integers(BINS, size=len(images)) / (BINS - 1)
        return perform_drawn(images, chosen, levels, WIDE, self.sampling, rng)

"""Random erasing: a random rectangle of an image is filled with noise.

Zhong, Zheng, Kang, Li, Yang: "Random Erasing Data Augmentation", AAAI 2020, algorithm 1.
"""

from dataclasses import dataclass

import torch

from plusx.core.batch import Batch
from plusx.data.augment.augment import BatchAugment


@dataclass(frozen=True)
class RandomErasing(BatchAugment):
    """Each image with its own chance and rectangle; targets stay. The noise is normal, as normalised pixels are."""

    probability: float = 0.25
    area: tuple[float, float] = (0.02, 0.4)  # part of the image's area: s_l, s_h
    ratio: tuple[float, float] = (0.3, 1 / 0.3)  # height / width: r_1, r_2

    def apply(self, batch: Batch, generator: torch.Generator) -> Batch:
        raise NotImplementedError

"""Cutout: a square of an image becomes its mean colour.

DeVries, Taylor: "Improved Regularization of Convolutional Neural Networks with Cutout", arXiv 1708.04552, section 3.2.
"""

from dataclasses import dataclass, replace

import torch

from plusx.core.batch import Batch
from plusx.core.errors import InputError
from plusx.data.augment.augment import BatchAugment
from plusx.data.augment.mixing import draw_numpy


@dataclass(frozen=True)
class Cutout(BatchAugment):
    """Every image loses a square of `side` pixels, its centre anywhere: part of it may lie outside.

    It becomes 0, the mean after normalisation. The paper's sides: 16 for CIFAR-10, 8 for CIFAR-100, 20 for SVHN, all of
    32 pixels; `of_side` scales with the image: 0.5 is the first of them.
    """

    of_side: float = 0.5  # part of the image's shorter side

    def __post_init__(self) -> None:
        if not 0 < self.of_side <= 1:
            raise InputError(f"Cutout of_side {self.of_side} must be a part of the image's side, above 0, at most 1")

    def apply(self, batch: Batch, generator: torch.Generator) -> Batch:
        rng = draw_numpy(generator)
        height, width = batch.images.shape[-2:]
        side = max(1, round(self.of_side * min(height, width)))
        tops = rng.integers(height, size=len(batch)) - side // 2
        lefts = rng.integers(width, size=len(batch)) - side // 2
        images = batch.images.clone(memory_format=torch.preserve_format)
        for i, (top, left) in enumerate(zip(tops.tolist(), lefts.tolist(), strict=True)):
            images[i, :, max(0, top) : top + side, max(0, left) : left + side] = 0
        return replace(batch, images=images)

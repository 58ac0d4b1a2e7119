"""CutMix: x̃ = M ⊙ x_i + (1 − M) ⊙ x_j, ỹ = λ y_i + (1 − λ) y_j, where M is 0 inside a box of 1 − λ of the area.

Yun, Han, Oh, Chun, Choe, Yoo: "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable
Features", ICCV 2019, equations 1 and 2.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import torch

from plusx.core.batch import Batch
from plusx.core.errors import InputError
from plusx.core.sample import Kind
from plusx.data.augment.augment import BatchAugment
from plusx.data.augment.mixing import draw_numpy, draw_partners, soft_targets


@dataclass(frozen=True)
class CutMix(BatchAugment):
    """One λ and one box a batch. Labels (B,) become probabilities (B, classes). Raises InputError for kind "value"."""

    kind: Kind
    classes: int
    alpha: float = 1.0

    def __post_init__(self) -> None:
        if self.alpha <= 0:
            raise InputError(f"CutMix alpha {self.alpha} must be positive; leave CutMix out to train without it")
        if self.kind == "value":
            raise InputError(
                "CutMix mixes targets by pasted area, which has no meaning for values. Use mixup or neither."
            )

    def apply(self, batch: Batch, generator: torch.Generator) -> Batch:
        height, width = batch.images.shape[-2:]
        y1, y2, x1, x2 = draw_box(height, width, self.alpha, draw_numpy(generator))
        j = draw_partners(batch, generator)
        images = batch.images.clone(memory_format=torch.preserve_format)
        images[:, :, y1:y2, x1:x2] = batch.images[j, :, y1:y2, x1:x2]
        lam = 1 - (y2 - y1) * (x2 - x1) / (height * width)  # of what the border left of the box
        y = soft_targets(batch, self.kind, self.classes)
        return replace(batch, images=images, targets=torch.lerp(y[j], y, lam))


def draw_box(height: int, width: int, alpha: float, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """y1, y2, x1, x2: sides H√(1 − λ), W√(1 − λ) with λ ~ Beta(α, α), centre uniform, cut at the border."""
    side = math.sqrt(1 - rng.beta(alpha, alpha))
    y, x = rng.integers(height), rng.integers(width)
    h, w = int(height * side) // 2, int(width * side) // 2
    return max(0, int(y) - h), min(height, int(y) + h), max(0, int(x) - w), min(width, int(x) + w)

"""AugMix: x̃ = m x + (1 − m) Σ wᵢ chainᵢ(x), w ~ Dirichlet(α, …, α), m ~ Beta(α, α).

Hendrycks, Mu, Cubuk, Zoph, Gilmer, Lakshminarayanan: "AugMix: A Simple Data Processing Method to Improve Robustness and
Uncertainty", ICLR 2020, algorithm 1.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from plusx.core.errors import InputError
from plusx.data.augment.mixing import draw_numpy
from plusx.data.augment.pixels.affine import BILINEAR, Sampling
from plusx.data.augment.pixels.colours import per_image
from plusx.data.augment.pixels.drawing import check_count, perform_drawn, where
from plusx.data.augment.pixels.magnitudes import MIXING
from plusx.data.augment.pixels.pixel_augment import PixelAugment

LEVELS = 10


@dataclass(frozen=True)
class AugMix(PixelAugment):
    """`width` chains of 1 to `depth` operations of a strength below `severity`. Defaults: the paper's.

    The images alone: the paper's Jensen-Shannon loss between three views of an image is not part of it.
    """

    severity: int = 3
    width: int = 3
    depth: int = 3
    alpha: float = 1.0
    sampling: Sampling = BILINEAR

    def __post_init__(self) -> None:
        check_count("AugMix width", self.width)
        check_count("AugMix depth", self.depth)
        if not 1 <= self.severity <= LEVELS or self.alpha <= 0:
            raise InputError(f"AugMix severity {self.severity} must lie in 1..{LEVELS}, and alpha {self.alpha} above 0")

    @property
    def moves(self) -> bool:
        return True

    def apply(self, images: Tensor, generator: torch.Generator) -> Tensor:
        rng, size = draw_numpy(generator), len(images)
        m = rng.beta(self.alpha, self.alpha, size)
        w = rng.dirichlet([self.alpha] * self.width, size).T * (1 - m)
        weights = torch.tensor(np.stack((m, *w)), dtype=torch.float32, device=images.device)
        mixed = images * per_image(weights[0])
        for weight in weights[1:]:
            mixed.addcmul_(self.chain(images, rng), per_image(weight))
        return mixed.clamp_(0, 255).to(torch.uint8)

    def chain(self, images: Tensor, rng: np.random.Generator) -> Tensor:
        """1 to `depth` random operations on each image, one after the other."""
        names, size = list(MIXING), len(images)
        depths = rng.integers(1, self.depth + 1, size)
        for step in range(self.depth):
            chosen = where(step < depths, [names[i] for i in rng.integers(len(names), size=size)])
            levels = rng.integers(self.severity, size=size) / (LEVELS - 1)
            images = perform_drawn(images, chosen, levels, MIXING, self.sampling, rng)
        return images

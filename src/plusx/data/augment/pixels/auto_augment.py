"""AutoAugment: for each image one of 25 pairs of operations, found by a search on the data set that names the policy.

Cubuk, Zoph, Mané, Vasudevan, Le: "AutoAugment: Learning Augmentation Policies from Data", CVPR 2019.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from plusx.core.errors import unknown
from plusx.data.augment.mixing import draw_numpy
from plusx.data.augment.pixels.affine import NEAREST, Sampling
from plusx.data.augment.pixels.auto_augment_policies import POLICIES
from plusx.data.augment.pixels.drawing import perform_drawn, where
from plusx.data.augment.pixels.magnitudes import AUTO
from plusx.data.augment.pixels.pixel_augment import PixelAugment

STRONGEST = 9


@dataclass(frozen=True)
class AutoAugment(PixelAugment):
    """The pairs of `policy`, each as likely; every operation of a pair has its own chance and strength."""

    policy: Literal["imagenet", "cifar10", "svhn"] = "imagenet"
    sampling: Sampling = NEAREST

    def __post_init__(self) -> None:
        if self.policy not in POLICIES:
            raise unknown("policy", self.policy, POLICIES)

    @property
    def moves(self) -> bool:
        return True

    def apply(self, images: Tensor, generator: torch.Generator) -> Tensor:
        rng, pairs = draw_numpy(generator), POLICIES[self.policy]
        chosen = [pairs[i] for i in rng.integers(len(pairs), size=len(images))]
        for steps in zip(*chosen, strict=True):
            names, chances, strengths = zip(*steps, strict=True)
            names = where(rng.random(len(images)) <= np.array(chances), names)
            images = perform_drawn(images, names, np.array(strengths) / STRONGEST, AUTO, self.sampling, rng)
        return images

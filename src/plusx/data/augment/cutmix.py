"""CutMix: a box of one image is pasted into another, targets are mixed by area.

Yun, Han, Oh, Chun, Choe, Yoo: "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable
Features", ICCV 2019, equations 1 and 2.
"""

from dataclasses import dataclass

import torch

from plusx.core.batch import Batch
from plusx.core.sample import Kind
from plusx.data.augment.augment import BatchAugment


@dataclass(frozen=True)
class CutMix(BatchAugment):
    """One λ and one box a batch. Labels (B,) become probabilities (B, classes). Raises InputError for kind "value"."""

    kind: Kind
    classes: int
    alpha: float = 1.0

    def apply(self, batch: Batch, generator: torch.Generator) -> Batch:
        raise NotImplementedError

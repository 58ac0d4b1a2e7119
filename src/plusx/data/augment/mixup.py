"""mixup: x̃ = λ x_i + (1 − λ) x_j, ỹ = λ y_i + (1 − λ) y_j, λ ~ Beta(α, α).

Zhang, Cissé, Dauphin, Lopez-Paz: "mixup: Beyond Empirical Risk Minimization", ICLR 2018, equation 2 and figure 1.
"""

from dataclasses import dataclass

import torch

from plusx.core.batch import Batch
from plusx.core.sample import Kind
from plusx.data.augment.augment import BatchAugment


@dataclass(frozen=True)
class Mixup(BatchAugment):
    """One λ a batch, partners by a permutation of the batch. Labels (B,) become probabilities (B, classes)."""

    kind: Kind
    classes: int
    alpha: float = 0.2

    def apply(self, batch: Batch, generator: torch.Generator) -> Batch:
        raise NotImplementedError

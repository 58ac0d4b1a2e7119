"""mixup: x̃ = λ x_i + (1 − λ) x_j, ỹ = λ y_i + (1 − λ) y_j, λ ~ Beta(α, α).

Zhang, Cissé, Dauphin, Lopez-Paz: "mixup: Beyond Empirical Risk Minimization", ICLR 2018, equation 2 and figure 1.
"""

from dataclasses import dataclass, replace

import torch

from plusx.core.batch import Batch
from plusx.core.errors import InputError
from plusx.core.sample import Kind
from plusx.data.augment.augment import BatchAugment
from plusx.data.augment.mixing import draw_lambda, draw_partners, soft_targets


@dataclass(frozen=True)
class Mixup(BatchAugment):
    """One λ a batch, partners by a permutation of the batch. Labels (B,) become probabilities (B, classes).

    Targets (B, classes) of 0 and 1, and values (B, K), are mixed as they are.
    """

    kind: Kind
    classes: int
    alpha: float = 0.2

    def __post_init__(self) -> None:
        if self.alpha <= 0:
            raise InputError(f"mixup alpha {self.alpha} must be positive; leave mixup out to train without it")

    def apply(self, batch: Batch, generator: torch.Generator) -> Batch:
        lam = draw_lambda(self.alpha, generator)
        j = draw_partners(batch, generator)
        images = torch.lerp(batch.images[j], batch.images, lam)
        y = soft_targets(batch, self.kind, self.classes)
        return replace(batch, images=images, targets=torch.lerp(y[j], y, lam))

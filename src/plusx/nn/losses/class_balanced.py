"""Class-balanced loss: w_c = (1 − β) / (1 − β^n_c) with n_c training images of class c.

Cui, Jia, Lin, Song, Belongie: Class-Balanced Loss Based on Effective Number of Samples, 2019, arXiv 1901.05555;
github.com/richardaecn/class-balanced-loss: the n-th image of a class adds less than the first, so that n_c of them
count as (1 − β^n_c) / (1 − β).
β = 0 weighs every image alike; towards 1 the weights become 1 / n_c.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, final

import torch
from torch import Tensor

from plusx.core.errors import InputError
from plusx.nn.losses.cross_entropy import CrossEntropy
from plusx.nn.losses.loss import Counting, Loss, check_share


@final
@dataclass(frozen=True)
class ClassBalanced(Counting):
    """Weighs the loss `of`. `beta` β: 0.9999 is the authors' (cifar_im_trainval_cb.sh); where classes have tens of
    images, less. The weights' sum is the number of classes, as theirs. A class without images counts as if it had one.
    """

    name: ClassVar[str] = "class-balanced"
    beta: float = 0.9999
    of: Loss = field(default_factory=CrossEntropy)

    def __post_init__(self) -> None:
        check_share(self.name, "beta", self.beta)
        if isinstance(self.of, Counting):
            raise InputError(f"The loss {self.name} cannot weigh {self.of.name}, which evens out classes itself")

    def __call__(self, scores: Tensor, targets: Tensor, class_weights: Tensor | None = None) -> Tensor:
        weights = torch.tensor(effective_weights(self.counts, self.beta), dtype=torch.float32, device=scores.device)
        return self.of(scores, targets, weights if class_weights is None else weights * class_weights)

    def logits(self, scores: Tensor) -> Tensor:
        return self.of.logits(scores)


def effective_weights(counts: Sequence[int], beta: float) -> list[float]:
    """(1 − β) / (1 − β^n) of each class, scaled to a sum of as many as there are classes."""
    grown = [-math.expm1(max(count, 1) * math.log(beta)) if beta > 0 else 1.0 for count in counts]
    weights = [1.0 / part for part in grown]
    return [weight * len(weights) / sum(weights) for weight in weights]

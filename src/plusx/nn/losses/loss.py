"""What a loss of classes is: a frozen configuration that turns scores and targets into one number.

Everywhere scores z are (B, classes), what the last layer gives; targets are class indices (B,) int64, or probabilities
q (B, classes) as mixup makes them; class weights w are (classes,), positive. Every loss is computed in 32 bits whatever
the precision of the network, and is a mean over the images of the batch, not over the sum of their weights: a batch
cut into parts then gives the gradient of the whole.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self, final

import torch.nn.functional as F
from torch import Tensor

from plusx.core.errors import InputError


class Loss(ABC):
    """Of one class out of several. Subclasses are frozen dataclasses whose fields are JSON values."""

    name: ClassVar[str]

    @abstractmethod
    def __call__(self, scores: Tensor, targets: Tensor, class_weights: Tensor | None = None) -> Tensor:
        """A scalar in 32 bits."""

    def logits(self, scores: Tensor) -> Tensor:
        """Those whose softmax are the probabilities that this loss has taught; the scores themselves for most."""
        return scores

    def counted(self, counts: Sequence[int]) -> "Loss":
        """The same loss told how many training images each class has; most need not know."""
        return self


class LossOfSeveral(Loss, ABC):
    """A loss that is also defined where an image has any number of classes."""

    @abstractmethod
    def of_several(self, scores: Tensor, targets: Tensor, positive_weights: Tensor | None = None) -> Tensor:
        """A scalar in 32 bits. targets t: (B, classes), 0..1, independent. positive_weights w: (classes,), of t = 1."""


class PerClass(Loss, ABC):
    """A loss that is known by its value ℓ_c for each class c that may be the true one: Σ_c w_c q_c ℓ_c.

    For class indices that is the paper's loss; for probabilities its mean over the classes that the image may be of.
    """

    @abstractmethod
    def each(self, scores: Tensor) -> Tensor:
        """ℓ (B, classes) of scores in 32 bits."""

    @final
    def __call__(self, scores: Tensor, targets: Tensor, class_weights: Tensor | None = None) -> Tensor:
        losses = self.each(scores.float())
        if class_weights is not None:
            losses = losses * class_weights
        if not targets.is_floating_point():
            return losses.gather(1, targets[:, None]).mean()
        return (targets.float() * losses).sum(dim=1).mean()


@dataclass(frozen=True, kw_only=True)
class Counting(Loss, ABC):
    """A loss that goes by how many training images each class has. `counts`: one a class; () until that is known."""

    counts: tuple[int, ...] = ()

    @final
    def counted(self, counts: Sequence[int]) -> Self:
        return replace(self, counts=tuple(counts))

    @final
    def check(self, classes: int) -> None:
        """InputError unless there is a count for each of the classes."""
        if len(self.counts) != classes:
            raise InputError(
                f"The loss {self.name} needs counts, the number of training images of each of the {classes} classes; "
                f"found {len(self.counts)}. Give them as loss.counted(counts)"
            )


def soft(targets: Tensor, classes: int) -> Tensor:
    """Targets of either kind as probabilities (B, classes) in 32 bits."""
    return targets.float() if targets.is_floating_point() else F.one_hot(targets, classes).float()


def image_weights(targets: Tensor, class_weights: Tensor) -> Tensor:
    """Σ_c w_c q_c, (B,)."""
    if not targets.is_floating_point():
        return class_weights[targets]
    return (targets.float() * class_weights).sum(dim=1)  # a product of matrices would be of 16 bits under autocast


def check_least(name: str, what: str, value: float, least: float) -> None:
    """InputError unless the finite `value` is `least` or more."""
    if not least <= value < float("inf"):
        raise InputError(f"The loss {name} needs {what} of {least:g} or more, not {value}")


def check_share(name: str, what: str, value: float) -> None:
    """InputError unless 0 ≤ value < 1."""
    if not 0.0 <= value < 1.0:
        raise InputError(f"The loss {name} needs {what} from 0 to below 1, not {value}")

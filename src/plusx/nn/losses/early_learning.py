"""Early-learning regularisation: −log p_y + λ log(1 − ⟨p, t⟩), t ← β t + (1 − β) p of the same image, p = softmax(z).

Liu, Niles-Weed, Razavian, Fernandez-Granda: Early-Learning Regularization Prevents Memorization of Noisy Labels, 2020,
arXiv 2007.00151; github.com/shengliu66/ELR. Networks learn what most labels agree on before they learn wrong ones by
heart. t is what the network has said of an image so far, and no gradient flows into it; the second part pulls p towards
it, and so outweighs a wrong label once the rest of the images has taught better.
"""

from dataclasses import dataclass
from typing import ClassVar, Final, final

from torch import Tensor

from plusx.core.errors import InputError
from plusx.core.remembered import Remembered
from plusx.nn.losses.cross_entropy import cross_entropy
from plusx.nn.losses.loss import Loss, check_least, check_share

FLOOR: Final = 1e-4
"""p is kept so far from 0 and 1, as in the authors' loss.py."""


@final
@dataclass(frozen=True)
class EarlyLearning(Loss):
    """`strength` λ and `momentum` β: the authors' for CIFAR-10 with labels that are wrong at random
    (config_cifar10.json). Where one class is taken for another they have 1 and 0.9 (config_cifar10_asym.json), for the
    hundred classes of CIFAR-100 7 and 0.9 (config_cifar100.json).

    Called as any loss, of images that nothing is remembered of, it is cross-entropy.
    """

    name: ClassVar[str] = "early-learning"
    strength: float = 3.0
    momentum: float = 0.7

    def __post_init__(self) -> None:
        check_least(self.name, "strength", self.strength, 0.0)
        check_share(self.name, "momentum", self.momentum)

    def __call__(self, scores: Tensor, targets: Tensor, class_weights: Tensor | None = None) -> Tensor:
        return cross_entropy(scores, targets, class_weights)

    def remembering(
        self, scores: Tensor, targets: Tensor, remembered: Remembered, class_weights: Tensor | None = None
    ) -> Tensor:
        """The loss of the images that are recalled just now. InputError for mixed ones."""
        if targets.is_floating_point():
            raise InputError(
                f"The loss {self.name} remembers what was said of each image, and these are mixtures of several. "
                "Train without mixup and CutMix, or by another loss."
            )
        assert remembered.recalled is not None, "of images that are recalled"
        p = scores.float().softmax(dim=1).clamp(FLOOR, 1.0 - FLOOR)
        said = p.detach() / p.detach().sum(dim=1, keepdim=True)
        t = self.momentum * remembered.recalled + (1.0 - self.momentum) * said
        remembered.said = t
        agreement = (t * p).sum(dim=1)
        return cross_entropy(scores, targets, class_weights) + self.strength * (1.0 - agreement).log().mean()

"""Area under the margin: which labels are probably wrong, by how a model came to say what it says.

Pleiss, Zhang, Elenberg and Weinberger 2020, "Identifying Mislabeled Data using the Area Under the Margin Ranking"
(arXiv 2001.10528; github.com/asappresearch/aum). With z(j; x, t) the logit of class j for image x after epoch t of T,
and y its label:

    margin(x, t) = z(y; x, t) - max over j ≠ y of z(j; x, t)
    AUM(x)       = mean of margin(x, t) over t

What other images teach of the true class holds the margin of a wrong label down until it is learned by heart. How far,
threshold samples say: of N images of c classes, N / (c + 1) are trained as a class c + 1 that is made up,
all wrongly. The 99th percentile of their AUM is the threshold below which a label is called wrong.

Three things differ. The paper takes its margins from the training passes; here they come from a pass after each epoch,
without augmentation. Its second training, with other threshold samples, judges those of the first; here one training
does: a threshold sample's own label was never learned, so its margin among the c classes is that of an image which was
held out, and is compared with the same threshold. And as in confident learning, an image whose class of the largest
mean logit is its label is never called wrong.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from plusx.data.confident import Indices, Probabilities, normalised_margin

PERCENTILE: Final = 99.0
"""Of the threshold samples' AUM."""


@dataclass(frozen=True)
class Trajectory:
    """Sums over so many epochs, of N images and c classes.

    trained (N,): margins of the class that an image was trained as, among c + 1. given (N,): those of its given label,
    among c. logits (N, c).
    """

    epochs: int
    trained: Probabilities
    given: Probabilities
    logits: Probabilities

    @staticmethod
    def none(images: int, classes: int) -> "Trajectory":
        """Before the first epoch."""
        return Trajectory(0, np.zeros(images), np.zeros(images), np.zeros((images, classes)))

    def after(self, logits: Probabilities, labels: Indices, threshold_samples: Indices) -> "Trajectory":
        """One epoch later. logits: (N, c + 1), the last of the class that is made up. labels: (N,), as given."""
        real, trained_as = logits[:, :-1], labels.copy()
        trained_as[threshold_samples] = real.shape[1]
        return Trajectory(
            self.epochs + 1,
            self.trained + normalised_margin(logits, trained_as),
            self.given + normalised_margin(real, labels),
            self.logits + real,
        )


@dataclass(frozen=True)
class Judged:
    """threshold: of AUM. margins (N,): AUM; the lower, the likelier an error. proposed (N,): the class of the largest
    mean logit. wrong (N,): the likely label errors. confidence (N,): softmax of the mean logits, of the given label.
    """

    threshold: float
    margins: Probabilities
    proposed: Indices
    wrong: NDArray[np.bool_]
    confidence: Probabilities


def judged(path: Trajectory, labels: Indices, threshold_samples: Indices) -> Judged:
    """labels: (N,), as given. threshold_samples: positions of the images that were trained as the made-up class."""
    threshold = float(np.percentile(path.trained[threshold_samples] / path.epochs, PERCENTILE))
    margins = path.trained / path.epochs
    margins[threshold_samples] = path.given[threshold_samples] / path.epochs
    logits = path.logits / path.epochs
    proposed = logits.argmax(axis=1)
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    confidence = shares[np.arange(len(labels)), labels] / shares.sum(axis=1)
    return Judged(threshold, margins, proposed, (margins < threshold) & (proposed != labels), confidence)


def drawn_threshold_samples(images: int, classes: int, seed: int) -> Indices:
    """Their positions in order: one of classes + 1 images, at least one."""
    count = max(1, round(images / (classes + 1)))
    return np.sort(np.random.default_rng(seed).permutation(images)[:count])

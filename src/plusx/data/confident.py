"""Confident learning: which labels are probably wrong, by what a model says of images it was not trained on.

Northcutt, Jiang and Chuang 2021, "Confident Learning: Estimating Uncertainty in Dataset Labels" (JAIR 70), section 3.
With p̂(j; x) the probability of class j for image x, and X_i the images whose given label is i:

    t_j = mean of p̂(j; x) over X_j                                           (the class's threshold)
    C[i][j] = how many x in X_i have p̂(j; x) ≥ t_j, where of several such j the one of the largest p̂ counts

C is the confident joint of given and true labels. Images off its diagonal are the likely errors (C_confusion is cruder:
it takes every image whose most probable class is another one). An image whose most probable class is the given one is
never called wrong, even where another class alone reaches its threshold.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Probabilities = NDArray[np.floating]
Indices = NDArray[np.integer]

TOLERANCE: Final = 1e-6
"""By which a probability may miss its threshold: a class of one image is its own mean."""


@dataclass(frozen=True)
class Confidence:
    """thresholds (K,): t_j, infinite for a class that no image has. joint (K, K): C, given by row, true by column.

    proposed (N,): the class that each image is confidently, -1 where it is none. wrong (N,): the likely label errors.
    """

    thresholds: Probabilities
    joint: Indices
    proposed: Indices
    wrong: NDArray[np.bool_]


def confident(probabilities: Probabilities, labels: Indices) -> Confidence:
    """probabilities: (N, K), of images that the model was not trained on. labels: (N,), as given."""
    classes = probabilities.shape[1]
    thresholds = np.full(classes, np.inf)
    for label in np.unique(labels):
        thresholds[label] = probabilities[labels == label, label].mean()
    reached = np.where(probabilities >= thresholds - TOLERANCE, probabilities, -1.0)
    proposed = np.where(reached.max(axis=1) >= 0, reached.argmax(axis=1), -1)
    joint = np.zeros((classes, classes), dtype=np.int64)
    sure = proposed >= 0
    np.add.at(joint, (labels[sure], proposed[sure]), 1)
    wrong = sure & (proposed != labels) & (probabilities.argmax(axis=1) != labels)
    return Confidence(thresholds, joint, proposed, wrong)


def self_confidence(probabilities: Probabilities, labels: Indices) -> Probabilities:
    """(N,) the probability of the given label."""
    return probabilities[np.arange(len(labels)), labels]


def normalised_margin(probabilities: Probabilities, labels: Indices) -> Probabilities:
    """(N,) that probability less the largest of another class: the lower, the likelier an error; -1 to 1."""
    others = probabilities.astype(np.float64, copy=True)
    others[np.arange(len(labels)), labels] = -np.inf
    return self_confidence(probabilities, labels) - others.max(axis=1)


def ranked(margins: Probabilities, wrong: NDArray[np.bool_]) -> Indices:
    """Positions of the likely errors, the likeliest first: by their margins (N,)."""
    found = np.flatnonzero(wrong)
    return found[np.argsort(margins[found], kind="stable")]

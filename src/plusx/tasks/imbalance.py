"""Weights for classes of unequal size. Plain numbers; needs no torch.

A network that sees one class a hundred times as often as another learns to answer with it. Two remedies, never both
at once: weights in the loss, or drawing images of rare classes more often. Either makes rare classes count as much as
the others and has a price: probabilities no longer match the frequencies of the data, so calibration gets worse, and
plain accuracy may fall while balanced accuracy and macro-F1 rise. Judge such a run by those.
"""

from collections.abc import Sequence


def balanced_class_weights(counts: Sequence[int]) -> list[float]:
    """n / (k · n_c) with n images, k classes that have any, n_c of class c: every class weighs the same in sum, and
    the mean weight of an image is 1. Classes without images get 1. King and Zeng 2001, section 4.2.
    """
    present = sum(count > 0 for count in counts)
    return [sum(counts) / (present * count) if count else 1.0 for count in counts]


def balanced_positive_weights(counts: Sequence[int], images: int, limit: float = 100.0) -> list[float]:
    """(n − n_c) / n_c for multi-label: the images with class c weigh as much as those without. At most `limit`, so
    that one image cannot rule the gradient; classes that no image or every image has get 1.
    """
    return [min((images - count) / count, limit) if 0 < count < images else 1.0 for count in counts]

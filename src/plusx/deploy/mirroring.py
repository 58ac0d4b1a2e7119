"""Test-time augmentation: each image is shown once more as in a mirror, and both answers are averaged.

Krizhevsky et al. 2012, "ImageNet Classification with Deep Convolutional Neural Networks", section 4.1. For any loop in
torch: `adapt.views`. Needs no torch.
"""

from collections.abc import Sequence
from typing import Final, final

import numpy as np

from plusx.core.errors import InputError
from plusx.core.prediction import Prediction
from plusx.deploy.decoding import Rows, predictions
from plusx.deploy.predictor import Image, Predictor

TASKS: Final = ("classify", "multilabel", "regress")
"""Those whose answers are about the whole image."""


def check_views(task: str) -> None:
    """InputError for a task whose answers have places in the image."""
    if task not in TASKS:
        raise InputError(
            f"--tta flip averages answers about the whole image ({', '.join(TASKS)}); the model's task is {task}. "
            "Leave it away."
        )


@final
class Mirroring(Predictor):
    """`inner`, asked twice: the mean of its probabilities or values for the image and for its mirror image."""

    def __init__(self, inner: Predictor) -> None:
        """InputError for a model whose answers have places in the image."""
        check_views(inner.task_name)
        self.inner, self.card, self.task_name, self.config = inner, inner.card, inner.task_name, inner.config

    def rows(self, images: Image) -> Rows:
        mirrored = np.ascontiguousarray(images[:, :, ::-1])
        views = [self.inner.rows(images), self.inner.rows(mirrored)]
        return np.mean(views, axis=0, dtype=np.float64).astype(views[0].dtype)

    def predict_batch(self, images: Image, names: Sequence[str]) -> list[Prediction]:
        return predictions(self.task_name, self.config, names, self.rows(images))

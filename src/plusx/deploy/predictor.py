"""Predicting with a finished model, whatever runs it. Needs numpy alone."""

import copy
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Literal, Self, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

from plusx.core.card import Card
from plusx.core.errors import InputError
from plusx.core.prediction import BoxesPrediction, MaskPrediction, Prediction
from plusx.deploy.decoding import decoding_of
from plusx.deploy.tiling import WHOLE, Scorer, Tiling, blended, teller

Image: TypeAlias = NDArray[np.uint8]
"""H, W, C: RGB, or one grey channel."""

PIXELS = 2**24
"""At most this many pixels are given to the network's preprocessing at once: some 200 MB as float RGB."""

SCORES = 2**26
"""At most this many numbers come out of a model of masks at once, one a pixel and class: 256 MB."""


class Predictor(ABC):
    """A model that tells what is in images. Predictions depend on the image alone, not on its neighbours."""

    card: Card
    task_name: str
    config: Mapping[str, Any] = MappingProxyType({})  # the task's

    @property
    @final
    def mode(self) -> Literal["RGB", "L"]:
        """The colour mode in which `data.images.read_image` has to read the images."""
        return "L" if self.card.input.channels == 1 else "RGB"

    @abstractmethod
    def predict_batch(self, images: Image, names: Sequence[str]) -> list[Prediction]:
        """images: B, H, W, C uint8, B ≥ 1."""

    def rows(self, images: Image) -> NDArray[Any]:
        """What `Task.decode` gives for images (B, H, W, C uint8). InputError for a model that has no such numbers."""
        raise InputError(f"{type(self).__name__} gives no numbers that --tta flip could average. Leave it away.")

    def scorer(self) -> Scorer:
        """What gives the class probabilities of windows. InputError for a model that has none."""
        raise InputError(
            "--tile cuts images into windows for masks of one class a pixel; the model's task is "
            f"{self.task_name}. Leave it away."
        )

    @final
    def with_threshold(self, threshold: float) -> Self:
        """The same model, which shows what has that score or more. InputError where no score is asked for."""
        if not decoding_of(self.task_name).threshold:
            raise InputError(
                f"--threshold is the score of boxes, or of labels of several; the model's task is {self.task_name}. "
                "Leave it away."
            )
        least = self.config.get("least", 0.0)
        if not least <= threshold <= 1:
            raise InputError(f"--threshold {threshold:g}: the model gives scores from {least:g} to 1.")
        other = copy.copy(self)
        other.config = {**self.config, "threshold": threshold}
        return other

    @final
    def predict(
        self, images: Sequence[Image], names: Sequence[str], *, batch_size: int = 32, tiling: Tiling = WHOLE
    ) -> list[Prediction]:
        """One prediction an image, in their order. images: H, W, C uint8 of any sizes; those of one size go together.

        InputError for an array of another type, shape or channel count than the model takes, and for windows of a
        model that has none.
        """
        for image, name in zip(images, names, strict=True):
            self._check(image, name)
        windows = [self._window(image, tiling) for image in images]
        found: dict[int, Prediction] = {}
        for indices in batches([image.shape for image in images], batch_size, self._pixels()):
            if (window := windows[indices[0]]) is None:
                batch = np.stack([images[index] for index in indices])
                answers = self.predict_batch(batch, [names[i] for i in indices])
                found.update(zip(indices, (_sized(one, images[indices[0]]) for one in answers), strict=True))
            else:
                for i in indices:
                    found[i] = self._predict_tiled(images[i], names[i], window, tiling.overlap, batch_size)
        return [found[index] for index in range(len(images))]

    def _pixels(self) -> int:
        """At most so many at once."""
        decoding = decoding_of(self.task_name)
        classes = len(self.config.get(decoding.setting, ())) if decoding.maps else 0
        return min(PIXELS, SCORES // max(1, classes))

    def _window(self, image: Image, tiling: Tiling) -> tuple[int, int] | None:
        """The windows that `image` is cut into; None where it is shown whole."""
        if isinstance(tiling.tile, int):
            self.scorer()  # says that it has none, whatever the image
        window = tiling.window(self.card, image.shape[0], image.shape[1])
        return None if window is None or decoding_of(self.task_name).scores is None else window

    def _predict_tiled(
        self, image: Image, name: str, window: tuple[int, int], overlap: float, batch_size: int
    ) -> Prediction:
        step = max(1, min(batch_size, self._pixels() // (window[0] * window[1])))
        mask = blended(self.scorer(), image, window, overlap, batch_size=step, progress=teller(name))
        return MaskPrediction.of(name, self.config["classes"], mask)

    def _check(self, image: Image, name: str) -> None:
        channels = self.card.input.channels
        fits = image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == channels and image.size > 0
        if not fits:
            raise InputError(
                f"{name}: found an array of {image.dtype} and shape {image.shape}; the model takes uint8 of shape "
                f"(height, width, {channels}). Read images with plusx.data.images.read_image(..., {self.mode!r})."
            )


def _sized(prediction: Prediction, image: Image) -> Prediction:
    """Boxes know how large the image is in which they lie, as masks do."""
    if isinstance(prediction, BoxesPrediction):
        return replace(prediction, size=(image.shape[0], image.shape[1]))
    return prediction


def batches(shapes: Sequence[tuple[int, ...]], batch_size: int, pixels: int = PIXELS) -> list[list[int]]:
    """Positions of equal shapes, at most `batch_size` and `pixels` at a time, in the order of their first."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for index, shape in enumerate(shapes):
        groups.setdefault(shape, []).append(index)
    found = []
    for shape, indices in groups.items():
        step = max(1, min(batch_size, pixels // (shape[0] * shape[1])))
        found += [indices[start : start + step] for start in range(0, len(indices), step)]
    return sorted(found)


def usable_threads() -> int:
    """OMP_NUM_THREADS where it is set, else the processors this process may run on."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdecimal() and int(asked) > 0:
        return int(asked)
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1

"""Predicting with an exported file, whichever library runs its graph."""

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plusx.core.errors import InputError
from plusx.core.prediction import Prediction
from plusx.deploy.decoding import decoding_of, predictions
from plusx.deploy.metadata import Metadata
from plusx.deploy.predictor import Image, Predictor
from plusx.deploy.tiling import Scorer, largest, weighted_softmax


class ExportedPredictor(Predictor):
    """Preprocessing and decoding are those in the file, which says of itself what they are."""

    def __init__(self, path: Path, metadata: Metadata) -> None:
        self.path, self.metadata = path, metadata
        self.card, self.task_name, self.config = metadata.card, metadata.task, metadata.config

    @abstractmethod
    def run(self, output: str, images: Image) -> NDArray[Any]:
        """One output of the graph for B, H, W, C uint8; nothing that only others need is computed."""

    def outputs(self, images: Image) -> NDArray[Any]:
        """B, H, W, C uint8 → what `Task.decode` gives for them."""
        return self.run(self.metadata.output, images)

    def rows(self, images: Image) -> NDArray[Any]:
        return self.outputs(images)

    def predict_batch(self, images: Image, names: Sequence[str]) -> list[Prediction]:
        return predictions(self.task_name, self.config, names, self.outputs(images))

    def scorer(self) -> Scorer:
        if self.metadata.scores:
            return self
        if decoding_of(self.task_name).scores is None:
            return super().scorer()
        raise InputError(
            f"{self.path} gives classes without the scores that windows are blended by: an older plusx exported it. "
            "Export it again with `plusx export RUN`, or take the model file with --runtime torch."
        )

    def shares(self, images: Image, weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """B, H, W, C uint8 → class probabilities (B, K, H, W), times `weights` (H, W)."""
        return weighted_softmax(self.run(self.metadata.outputs[1], images), weights)

    def held(self, array: NDArray[np.float32]) -> NDArray[np.float32]:
        return array

    def chosen(self, sums: NDArray[np.float32]) -> NDArray[np.uint8]:
        return largest(sums)


def no_file(path: Path) -> InputError:
    """There is nothing at `path`."""
    return InputError(f"There is no file {path}. Give the path of an exported model, such as runs/name/model.onnx.")


def damaged(path: Path, reason: object) -> InputError:
    """The library could not open what is there."""
    return InputError(f"{path} is damaged or no ONNX file: {reason}. Export the model again.")

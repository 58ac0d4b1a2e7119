"""Predicting with a task in torch, on any device."""

from collections.abc import Sequence
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from plusx.core.card import Card
from plusx.core.prediction import Prediction
from plusx.core.task import Task
from plusx.core.view import View
from plusx.deploy.decoding import decoding_of, predictions
from plusx.deploy.predictor import Image, Predictor
from plusx.deploy.tiling import Scorer
from plusx.engine.modes import preserved_modes
from plusx.nn.preprocess import Preprocess


@final
class TorchPredictor(Predictor):
    """`task` with the preprocessing of `card`, where the task's weights are. The task's train or eval mode is kept."""

    def __init__(self, task: Task, card: Card) -> None:
        self.task = task
        self.card = card
        self.task_name = task.name
        self.config = task.config()
        self.device = next(task.parameters()).device
        self.preprocess = Preprocess(card.input).to(self.device)

    def predict_batch(self, images: Image, names: Sequence[str]) -> list[Prediction]:
        return predictions(self.task_name, self.config, names, self.rows(images))

    def rows(self, images: Image) -> NDArray[Any]:
        with torch.inference_mode():
            return self.task.decode(*self._outputs(images)).cpu().numpy()

    def scorer(self) -> Scorer:
        return super().scorer() if decoding_of(self.task_name).scores is None else self

    def shares(self, images: Image, weights: Tensor) -> Tensor:
        """B, H, W, C uint8 → class probabilities (B, K, H, W), times `weights` (H, W), on the task's device."""
        with torch.inference_mode():
            scores = self.task.scores(*self._outputs(images))
            assert scores is not None
            return scores.softmax(dim=1).mul_(weights)

    def held(self, array: NDArray[np.float32]) -> Tensor:
        return torch.from_numpy(array).to(self.device)

    def chosen(self, sums: Tensor) -> NDArray[np.uint8]:
        return sums.argmax(dim=0).to(torch.uint8).cpu().numpy()

    def _outputs(self, images: Image) -> tuple[Tensor, View]:
        with preserved_modes(self.task):
            self.task.eval()
            pixels, view = self.preprocess(torch.from_numpy(images).to(self.device))
            return self.task(pixels), view

"""Predicting with a task in torch, on any device."""

from collections.abc import Sequence
from typing import final

import torch

from plusx.core.card import Card
from plusx.core.prediction import Prediction
from plusx.core.task import Task
from plusx.deploy.predictor import Image, Predictor
from plusx.engine.modes import preserved_modes
from plusx.nn.preprocess import Preprocess


@final
class TorchPredictor(Predictor):
    """`task` with the preprocessing of `card`, where the task's weights are. The task's train or eval mode is kept."""

    def __init__(self, task: Task, card: Card) -> None:
        self.task = task
        self.card = card
        self.task_name = task.name
        self.device = next(task.parameters()).device
        self.preprocess = Preprocess(card.input).to(self.device)

    def predict_batch(self, images: Image, names: Sequence[str]) -> list[Prediction]:
        with torch.inference_mode(), preserved_modes(self.task):
            self.task.eval()
            pixels, view = self.preprocess(torch.from_numpy(images).to(self.device))
            return self.task.predict(self.task(pixels), names, view)

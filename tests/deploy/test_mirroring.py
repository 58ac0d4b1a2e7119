"""What an exported or loaded model says of a picture and its mirror image; whole runs are in tests/workflows."""

from typing import Any

import numpy as np
import pytest

from plusx.core.errors import InputError
from plusx.core.prediction import LabelPrediction
from plusx.deploy.mirroring import Mirroring
from plusx.deploy.predictor import Predictor


class Sides(Predictor):
    """Sees how bright the left half is."""

    task_name = "classify"

    def __init__(self) -> None:
        self.config = {"classes": ["left", "right"]}
        self.card: Any = type("Card", (), {"input": type("Input", (), {"channels": 3})})

    def rows(self, images: Any) -> Any:
        left = images[:, :, : images.shape[2] // 2].mean((1, 2, 3)) / 255
        return np.stack([left, 1 - left], axis=1).astype(np.float32)

    def predict_batch(self, images: Any, names: Any) -> Any:
        raise AssertionError


def test_both_sides_count_alike() -> None:
    image = np.zeros((4, 6, 3), np.uint8)
    image[:, :3] = 102
    (found,) = Mirroring(Sides()).predict([image], ["a.png"])
    assert isinstance(found, LabelPrediction)
    assert found.probabilities == pytest.approx({"right": 0.8, "left": 0.2})


def test_answers_with_places_are_refused() -> None:
    model = Sides()
    model.task_name = "segment"
    with pytest.raises(
        InputError, match=r"--tta flip averages answers about the whole .* the model's task is segment\."
    ):
        Mirroring(model)

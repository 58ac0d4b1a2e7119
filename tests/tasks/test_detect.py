from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from plusx.core.errors import InputError
from plusx.core.prediction import Prediction
from plusx.core.task import Metrics
from plusx.nn.detection.yolo import Yolo
from plusx.tasks import settings
from plusx.tasks.detect import HEADS, Detect, DetectConfig, head_of
from rectangles import FiveStrides


class Decoding(Detect):
    """Without predictions and metrics."""

    def predict(self, outputs: Tensor, names: Sequence[str]) -> list[Prediction]:
        raise NotImplementedError

    def metrics(self) -> Metrics:
        raise NotImplementedError


def detect(**changes: Any) -> Detect:
    torch.manual_seed(0)
    values: dict[str, Any] = {"head_settings": {"channels": 8}, **changes}
    return Decoding(FiveStrides(8), DetectConfig(("a", "b"), **values))


class Doubled:
    """An image twice as large as the input."""

    def boxes_to_image(self, boxes: Tensor) -> Tensor:
        return 2 * boxes + 1


def test_outputs_without_targets_losses_with() -> None:
    task, images = detect(), torch.randn(2, 3, 64, 64)
    assert task(images).shape == (2, 2 * (64 + 16 + 4), 6)
    losses = task(images, torch.full((2, 3, 7), -1.0))
    assert list(losses) == ["classification", "box", "distribution"]


def test_decoded_boxes_do_not_overlap_and_are_sure_enough() -> None:
    candidates = torch.tensor(
        [[0, 0, 10, 10, 0.9, 0], [0, 0, 10, 9, 0.8, 0], [0, 0, 10, 9, 0.7, 1], [20, 20, 30, 30, 0.04, 1]]
    )
    found = detect(detections=3).decode(candidates[None])
    assert found.tolist() == [[*candidates[[0, 2]].tolist()[:2], [0, 0, 0, 0, 0, -1]]]


def test_decoded_boxes_lie_in_the_image_behind_the_view() -> None:
    candidates = torch.tensor([[[1.0, 2, 3, 4, 0.5, 1]]])
    found = detect(detections=2).decode(candidates, Doubled())
    assert found.tolist() == [[[3, 5, 7, 9, 0.5, 1], [0, 0, 0, 0, 0, -1]]]


def test_settings_of_the_head_and_back() -> None:
    task = detect(head_settings={"channels": 16, "strides": [8, 16]}, iou=0.5)
    assert isinstance(task.head, Yolo)
    assert (task.head.config.channels, task.head.config.strides) == (16, (8, 16))
    again = settings.read(DetectConfig, "detect", task.config())
    assert again == task.settings


def test_the_usual_head_is_the_first() -> None:
    assert head_of(None) is HEADS["yolo"]


def test_errors() -> None:
    with pytest.raises(InputError, match=r"Unknown head of the task detect 'yolov5'\. Did you mean yolo"):
        detect(head="yolov5")
    with pytest.raises(InputError, match="Unknown setting of the task detect with the head yolo 'width'"):
        detect(head_settings={"width": 3})
    with pytest.raises(InputError, match="The task detect needs iou above 0, to 1, not 0"):
        detect(iou=0)
    with pytest.raises(InputError, match="The task detect needs least from 0 to below 1, not 1"):
        detect(least=1)
    with pytest.raises(InputError, match="The task detect needs 1 or more detections, not 0"):
        detect(detections=0)

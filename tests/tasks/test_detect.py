import math
from typing import Any

import pytest
import torch

from plusx.core.errors import InputError
from plusx.core.prediction import Box, BoxesPrediction
from plusx.core.view import View
from plusx.nn.detection.faster_rcnn import FasterRCNNConfig
from plusx.nn.detection.yolo import Yolo
from plusx.tasks import settings
from plusx.tasks.detect import HEADS, Detect, DetectConfig, head_of
from rectangles import FiveStrides


def detect(**changes: Any) -> Detect:
    torch.manual_seed(0)
    values: dict[str, Any] = {"head_settings": {"channels": 8}, **changes}
    return Detect(FiveStrides(8), DetectConfig(("a", "b"), **values))


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


def test_soft_suppression_keeps_what_overlaps_with_less_score() -> None:
    candidates = torch.tensor([[[0, 0, 10, 10, 0.9, 0], [0, 0, 10, 9, 0.8, 0], [20, 20, 30, 30, 0.04, 1]]])
    found = detect(detections=3, suppression="soft", sigma=0.4).decode(candidates)
    assert found[0, :2, :4].tolist() == candidates[0, :2, :4].tolist()
    assert found[0, :, 4].tolist() == pytest.approx([0.9, 0.8 * math.exp(-(0.9**2) / 0.4), 0])


def test_distinct_candidates_suppress_none() -> None:
    small = {"channels": 8, "heads": 2, "hidden": 8, "depth": 1}
    candidates = torch.tensor([[0, 0, 10, 10, 0.9, 0], [0, 0, 10, 9, 0.8, 0], [0, 0, 10, 9, 0.04, 1]])
    task = detect(head="rt-detr", head_settings=small, detections=4)
    assert task.decode(candidates[None]).tolist() == [[*candidates[:2].tolist(), *[[0, 0, 0, 0, 0, -1]] * 2]]
    fewer = detect(head="rt-detr", head_settings=small, detections=1)
    assert fewer.decode(candidates[None]).tolist() == [candidates[:1].tolist()]


def test_decoded_boxes_lie_in_the_image_behind_the_view() -> None:
    candidates = torch.tensor([[[1.0, 2, 3, 4, 0.5, 1]]])
    found = detect(detections=2).decode(candidates, View(100, 100, (50, 50), 1, 1, (50, 50)))
    assert found.tolist() == [[[4, 6, 8, 10, 0.5, 1], [0, 0, 0, 0, 0, -1]]]


def test_settings_of_the_head_and_back() -> None:
    task = detect(head_settings={"channels": 16, "strides": [8, 16]}, iou=0.5)
    assert isinstance(task.head, Yolo)
    assert (task.head.config.channels, task.head.config.strides) == (16, (8, 16))
    again = settings.read(DetectConfig, "detect", task.config())
    assert again == task.settings


def test_settings_may_hold_lists_of_lists_as_json_does() -> None:
    sizes = [[8], [16], [32], [64], [128]]
    made = settings.read(FasterRCNNConfig, "faster-rcnn", {"sizes": sizes, "channels": 8})
    assert made.sizes == ((8,), (16,), (32,), (64,), (128,))


def test_the_usual_head_is_the_first() -> None:
    assert head_of(None) is HEADS["yolo"]


def test_errors() -> None:
    with pytest.raises(InputError, match=r"Unknown head of the task detect 'yolov5'\. Did you mean yolo"):
        detect(head="yolov5")
    with pytest.raises(InputError, match="Unknown setting of the task detect with the head yolo 'width'"):
        detect(head_settings={"width": 3})
    with pytest.raises(InputError, match="The task detect needs iou above 0, to 1, not 0"):
        detect(iou=0)
    with pytest.raises(InputError, match=r"Unknown suppression of the task detect 'softt'\. Did you mean soft"):
        detect(suppression="softt")
    with pytest.raises(InputError, match="The task detect needs sigma above 0, not 0"):
        detect(sigma=0.0)
    with pytest.raises(InputError, match="The task detect needs least from 0 to below 1, not 1"):
        detect(least=1)
    with pytest.raises(InputError, match="The task detect needs 1 or more detections, not 0"):
        detect(detections=0)


def test_predictions_are_named_boxes() -> None:
    [prediction] = detect(detections=3).predict(torch.tensor([[[1.0, 2, 3, 4, 0.5, 1]]]), ["日本.jpg"])
    assert isinstance(prediction, BoxesPrediction)
    assert prediction.boxes == (Box("b", 0.5, 1, 2, 3, 4),)
    unsure = detect(threshold=0.6).predict(torch.tensor([[[1.0, 2, 3, 4, 0.5, 1]]]), ["a.jpg"])
    assert unsure == [BoxesPrediction("a.jpg", (), ("a", "b"))]
    assert prediction.to_json()["boxes"] == [{"label": "b", "score": 0.5, "x1": 1, "y1": 2, "x2": 3, "y2": 4}]


def test_metrics_count_what_suppression_leaves() -> None:
    rows = [[0.0, 0, 10, 10, 0.9, 0], [0, 0, 10, 9, 0.8, 0]]
    metrics = detect().metrics()
    metrics.update(torch.tensor([rows]), torch.tensor([[[0.0, 0, 0, 10, 10, 0, 100]]]))
    assert metrics.compute()["map"] == pytest.approx(1)
    confusion = metrics.details().confusion
    assert confusion is not None
    assert confusion.counts[2] == (0, 0, 0)  # nothing was found where nothing is

"""Every head of every dense task learns eight images by heart: walks the tables of heads. Half a minute each.

One batch in fewer steps: here for detectors, in nn/segmentation/test_contract.py for the heads of masks.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from plusx.backbones.create import build
from plusx.core.task import Task
from plusx.tasks.create import create
from plusx.tasks.detect import HEADS as DETECT
from plusx.tasks.segment import HEADS as SEGMENT
from rectangles import COLOURS, FiveStrides, rectangles

CLASSES = ["red", "green", "blue"]

SMALL: dict[str, dict[str, Any]] = {
    "yolo": {"channels": 32},
    "faster-rcnn": {"channels": 32, "hidden": 128, "before": [200, 200], "after": [100, 100]}
    | {"sizes": [[16], [32], [64], [128], [256]]},
    "rt-detr": {"channels": 32, "heads": 4, "hidden": 64, "expansion": 0.5, "depth": 1, "queries": 20, "denoising": 4},
}
"""Settings of heads that are large as they come."""


def detector(head: str) -> Task:
    torch.manual_seed(0)
    return create("detect", FiveStrides(), {"classes": CLASSES, "head": head, "head_settings": SMALL.get(head, {})})


def segmenter(head: str) -> Task:
    """On a ResNet-18 of the head's own output stride, with an eighth of its maps."""
    torch.manual_seed(0)
    backbone = build("resnet18", output_stride=SEGMENT[head].output_stride, width=8)
    return create("segment", backbone, {"classes": CLASSES, "head": head, "dropout": 0.0})


def blocks(images: int, size: int, side: int) -> tuple[Tensor, Tensor]:
    """Images (B, 3, size, size) of noisy squares of `side` pixels, a colour a class, and their masks."""
    random = torch.Generator().manual_seed(0)
    coarse = torch.randint(3, (images, size // side, size // side), generator=random)
    masks = coarse.repeat_interleave(side, 1).repeat_interleave(side, 2)
    noise = torch.randn(images, 3, size, size, generator=random) * 0.5
    return torch.tensor(COLOURS)[masks].permute(0, 3, 1, 2) + noise, masks.to(torch.uint8)


def learning(task: Task, images: Tensor, targets: Tensor, steps: int, rate: float) -> Iterator[float]:
    """The loss of every step of AdamW, the rate rising and falling."""
    optimizer = torch.optim.AdamW(task.parameters(), rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, steps)
    for _ in range(steps):
        loss = torch.stack([*task(images, targets).values()]).sum()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(task.parameters(), 10.0)
        optimizer.step()
        schedule.step()
        yield loss.item()


def scored(task: Task, images: Tensor, targets: Tensor) -> dict[str, float]:
    metrics = task.eval().metrics()
    with torch.no_grad():
        metrics.update(task(images), targets)
    task.train()
    return metrics.compute()


@pytest.mark.parametrize("head", list(DETECT))
def test_a_detector_learns_one_batch(head: str) -> None:
    images, targets = rectangles(2, 64, (32, 20))
    losses = list(learning(detector(head), images, targets, steps=30, rate=1e-2))
    assert min(losses[-5:]) < losses[0] / 2


@pytest.mark.slow
@pytest.mark.parametrize("head", list(DETECT))
def test_a_detector_learns_eight_images_by_heart(head: str) -> None:
    """COCO's mean over IoU .50 to .95: edges within a pixel."""
    images, targets = rectangles(8, 128, (60, 40, 24))
    task = detector(head)
    for _ in learning(task, images, targets, steps=300, rate=5e-3):
        pass
    assert scored(task, images, targets)["map"] >= 0.95


@pytest.mark.slow
@pytest.mark.parametrize("head", list(SEGMENT))
def test_a_segmenter_learns_eight_images_by_heart(head: str) -> None:
    """Squares as large as the points of the coarsest scores, between which a head without finer maps draws straight."""
    images, masks = blocks(8, 128, 64 if head == "fcn32s" else 32)
    task = segmenter(head)
    for _ in learning(task, images, masks, steps=150, rate=1e-2):
        pass
    assert scored(task, images, masks)["miou"] >= 0.95

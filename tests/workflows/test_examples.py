from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from plusx.core.card import Card
from plusx.core.details import ImageScore
from plusx.core.sample import Listing, Sample
from plusx.core.targets import Boxes
from plusx.workflows.examples import chosen_images, examples


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([ImageScore(0.9), ImageScore(None), ImageScore(0.1), ImageScore(1.0)], {"Worst": [2, 0], "Best": [3]}),
        ([ImageScore(0.0), ImageScore(0.0)], {"Worst": [0, 1], "Best": []}),
        ([], {"Worst": [], "Best": []}),
    ],
)
def test_masks_by_their_score(scores: list[ImageScore], expected: dict[str, list[int]]) -> None:
    assert chosen_images(scores, "mask") == expected


def test_boxes_by_what_was_missed_and_what_was_wrong() -> None:
    missed = [ImageScore(0.5, missed=k, wrong=1) for k in (1, 5, 2, 4, 3)]
    scores = [*missed, ImageScore(0.2, wrong=7), ImageScore(0.8), ImageScore(None), ImageScore(1.0)]
    assert chosen_images(scores, "boxes") == {"Most missed": [1, 3, 4, 2], "Most wrong": [5, 0], "Best": [8, 6]}


class Finder(nn.Module):
    """Finds the same boxes everywhere."""

    name = "detect"

    def __init__(self) -> None:
        super().__init__()
        self.nothing = nn.Linear(1, 1)

    def forward(self, images: Tensor) -> Tensor:
        return images

    def config(self) -> dict[str, Any]:
        return {"classes": ["a", "b"], "threshold": 0.25}

    def decode(self, outputs: Tensor, view: Any = None) -> Tensor:
        rows = [[1.0, 1, 11, 11, 0.9, 0], [30, 30, 40, 40, 0.8, 1]]
        return torch.tensor([rows] * len(outputs))


def test_examples_say_what_is_missed_and_what_is_gone_has_no_picture() -> None:
    target = Boxes.of([[0, 0, 10, 10], [20, 20, 28, 28], [0, 0, 48, 48]], [0, 1, 0], [False, False, True])
    there = Sample(np.zeros((48, 48, 3), np.uint8), target, "there")
    gone = Sample(lambda: b"no image", target, "gone")
    scores = [ImageScore(0.5, missed=1, wrong=1), ImageScore(0.0, missed=2)]
    listing = Listing({"val": (there, gone)}, "boxes", ("a", "b"))
    task: Any = Finder()
    found = examples(task, Card("x", "resnet20", classes=("a", "b")), scores, listing, "val")
    [gallery] = found.galleries
    assert gallery.title == "Most missed"
    assert [(one.name, one.words, one.jpeg is None) for one in gallery.examples] == [
        ("gone", "", True),
        ("there", "1 of 2 missed, 1 wrong", False),
    ]
    assert [words.partition(":")[0] for _, words in found.colours] == ["found", "missed", "wrong"]

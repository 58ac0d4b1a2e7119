"""Counters of several processes, merged, give the figures of one that counted everything."""

import pickle
from collections.abc import Callable, Mapping
from dataclasses import asdict
from types import MappingProxyType
from typing import Any, Final

import pytest
import torch
from torch import Tensor

from plusx.core.task import Metrics
from plusx.tasks.create import TASK_OF_KIND
from plusx.tasks.metrics.classify import ClassifyMetrics
from plusx.tasks.metrics.detect import DetectMetrics
from plusx.tasks.metrics.multilabel import MultiLabelMetrics
from plusx.tasks.metrics.multilabel_segment import MultiLabelSegmentMetrics
from plusx.tasks.metrics.regress import RegressMetrics
from plusx.tasks.metrics.segment import SegmentMetrics

IMAGES: Final = 23
CLASSES: Final = ("a", "b", "c", "d", "e", "f")


def detections(outputs: Tensor) -> Tensor:
    """A function that no process could send to another together with the counter that holds it."""
    return (lambda rows: rows)(outputs)


COUNTERS: Final[Mapping[str, Callable[[], Any]]] = MappingProxyType(
    {
        "classify": lambda: ClassifyMetrics(CLASSES),
        "multilabel": lambda: MultiLabelMetrics(CLASSES, 0.5),
        "regress": lambda: RegressMetrics(("height", "weight"), (3.0, 70.0), (0.5, 9.0)),
        "detect": lambda: DetectMetrics(CLASSES, lambda outputs: detections(outputs)),
        "segment": lambda: SegmentMetrics(CLASSES),
        "multilabel-segment": lambda: MultiLabelSegmentMetrics(CLASSES),
    }
)


def boxes(generator: torch.Generator, rows: int) -> Tensor:
    corners = torch.rand(IMAGES, rows, 2, generator=generator) * 60
    return torch.cat((corners, corners + 10 + 30 * torch.rand(IMAGES, rows, 2, generator=generator)), dim=-1)


def found_boxes(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Scores with ties, so that the order of the images matters."""
    true, labels = boxes(generator, 4), torch.randint(6, (IMAGES, 4, 1), generator=generator).float()
    found = true + 3 * torch.randn(true.shape, generator=generator)
    scores = (torch.rand(labels.shape, generator=generator) * 5).ceil() / 5
    areas = torch.full_like(labels, 900.0)
    targets = torch.cat((labels, true, torch.zeros_like(labels), areas), dim=-1)
    return torch.cat((found, scores, labels.roll(1, 1)), dim=-1), targets


def answers(task: str) -> tuple[Tensor, Tensor]:
    """Outputs and targets of IMAGES images."""
    generator = torch.Generator().manual_seed(1)
    logits, maps = torch.randn(IMAGES, 6, generator=generator), torch.randn(IMAGES, 6, 9, 11, generator=generator)
    match task:
        case "classify":
            return logits, torch.randint(6, (IMAGES,), generator=generator)
        case "multilabel":
            return logits, (torch.rand(IMAGES, 6, generator=generator) < 0.3).float()
        case "regress":
            return logits[:, :2], torch.randn(IMAGES, 2, dtype=torch.float64, generator=generator)
        case "detect":
            return found_boxes(generator)
        case "segment":
            return maps, torch.randint(6, (IMAGES, 9, 11), generator=generator).to(torch.uint8)
    return maps, torch.randint(2, maps.shape, generator=generator).to(torch.uint8)


def counted(counter: Metrics, outputs: Tensor, targets: Tensor) -> Metrics:
    for some, truth in zip(outputs.split(5), targets.split(5), strict=True):
        counter.update(some, truth)
    return counter


def leaves(value: Any, path: str = "") -> dict[str, Any]:
    """Every number and word of nested tables, by its place."""
    if isinstance(value, dict | tuple):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        return {place: leaf for key, inner in pairs for place, leaf in leaves(inner, f"{path}/{key}").items()}
    return {path: value}


def test_every_task_is_asked() -> None:
    assert set(TASK_OF_KIND.values()) == set(COUNTERS)


@pytest.mark.parametrize("task", COUNTERS)
@pytest.mark.parametrize("cuts", [(10, 13), (5, 0, 18), (23, 0)])
def test_merged_counters_equal_one(task: str, cuts: tuple[int, ...]) -> None:
    outputs, targets = answers(task)
    whole = counted(COUNTERS[task](), outputs, targets)
    first, *others = (
        counted(COUNTERS[task](), some, truth) if len(some) else COUNTERS[task]()
        for some, truth in zip(outputs.split(cuts), targets.split(cuts), strict=True)
    )
    for other in others:
        first.merge(pickle.loads(pickle.dumps(other)))
    assert first.compute() == pytest.approx(whole.compute(), rel=0, abs=1e-12)
    found, expected = (leaves(asdict(counter.details())) for counter in (first, whole))
    assert found.keys() == expected.keys()
    for place, value in expected.items():
        exact = not isinstance(value, float)
        assert found[place] == (value if exact else pytest.approx(value, rel=0, abs=1e-12)), place


def test_scores_that_were_too_many_in_one_are_too_many_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plusx.tasks.metrics.classify.SCORES_KEPT", 100)
    outputs, targets = answers("classify")
    few, many = (counted(ClassifyMetrics(CLASSES), outputs[:n], targets[:n]) for n in (3, IMAGES))
    assert "auroc" in few.compute()
    few.merge(many)
    assert "auroc" not in few.compute()

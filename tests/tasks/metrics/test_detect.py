import contextlib
import io
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torch import Tensor

from plusx.core.details import Details, ImageScore
from plusx.core.errors import InputError, NonFiniteOutputError
from plusx.core.view import View
from plusx.tasks.metrics.detect import DetectMetrics

COCO_NAMES = ("map", "map-50", "map-75", "map-small", "map-medium", "map-large", "ar-1", "ar-10", "ar-100")


@dataclass(frozen=True)
class Case:
    detections: Tensor  # (B, D, 6)
    targets: Tensor  # (B, M, 7)
    classes: int


def boxes(images: int, rows: int, generator: torch.Generator) -> Tensor:
    """Mixed sizes, 4 to 250 pixels."""
    corner = torch.rand(images, rows, 2, generator=generator) * 400
    size = 4 * 60 ** torch.rand(images, rows, 2, generator=generator)
    return torch.cat((corner, corner + size), dim=-1)


def random_case(images: int = 12, classes: int = 4, *, true: int = 12, false: int = 130, seed: int = 0) -> Case:
    """Boxes found more or less well, twice, in the wrong class or not at all, false ones, crowds, scores with ties."""
    g = torch.Generator().manual_seed(seed)
    corners = boxes(images, true, g)
    labels = torch.randint(classes, (images, true, 1), generator=g).float()
    crowd = (torch.rand(images, true, 1, generator=g) < 0.15).float()
    area = (corners[..., 2:] - corners[..., :2]).prod(-1, keepdim=True) * 0.7
    targets = torch.cat((labels, corners, crowd, area), dim=-1)
    targets[torch.rand(images, true, generator=g) < 0.2] = -1
    size = (corners[..., 2:] - corners[..., :2]).repeat(1, 1, 2)
    near = [corners + size * spread * torch.randn(images, true, 4, generator=g) for spread in (0.04, 0.12)]
    mistaken = torch.where(torch.rand(images, true, 1, generator=g) < 0.2, (labels + 1) % classes, labels)
    found = torch.cat((*near, boxes(images, false, g)), dim=1)
    kinds = torch.cat((labels, mistaken, torch.randint(classes, (images, false, 1), generator=g).float()), dim=1)
    found[..., 2:] = torch.maximum(found[..., 2:], found[..., :2] + 1)
    likely = torch.cat((torch.full((true,), 0.5), torch.ones(true), torch.full((false,), 4.0)))[:, None]
    scores = (torch.rand(*kinds.shape, generator=g) ** likely * 50).round() / 50
    rows = torch.cat((found, scores, kinds), dim=-1)
    rows[scores[..., 0] == 0, 5] = -1
    return Case(rows, targets, classes)


def scored(case: Case) -> DetectMetrics:
    metrics = DetectMetrics([f"class {c}" for c in range(case.classes)])
    for detections, targets in zip(case.detections.split(5), case.targets.split(5), strict=True):
        metrics.update(detections, targets)
    return metrics


def by_pycocotools(case: Case) -> tuple[dict[str, float], np.ndarray]:
    """COCO's own code: the summary without what is undefined, and its precision."""

    def dataset(rows: list[tuple[int, Tensor]], detections: bool) -> COCO:
        made: list[dict[str, Any]] = []
        for image, row in rows:
            x1, y1, x2, y2 = row[:4].double().tolist()
            made.append({"id": len(made) + 1, "image_id": image, "bbox": [x1, y1, x2 - x1, y2 - y1], "iscrowd": 0})
            extra = {"score": float(row[4].double()), "area": (x2 - x1) * (y2 - y1)}
            made[-1] |= extra if detections else {"iscrowd": int(row[4]), "area": float(row[5].double())}
            made[-1]["category_id"] = int(row[-1])
        coco: Any = COCO()  # its types ask for what scoring does not read
        coco.dataset = {
            "images": [{"id": i} for i in range(len(case.targets))],
            "categories": [{"id": c} for c in range(case.classes)],
            "annotations": made,
        }
        coco.createIndex()
        return coco

    found = [(i, r) for i, rows in enumerate(case.detections) for r in rows if r[4] > 0 and r[5] >= 0]
    true = [(i, torch.cat((r[1:], r[:1]))) for i, rows in enumerate(case.targets) for r in rows if r[0] >= 0]
    with contextlib.redirect_stdout(io.StringIO()):
        run = COCOeval(dataset(true, False), dataset(found, True), "bbox")
        run.evaluate()
        run.accumulate()
        run.summarize()
    values = dict(zip(COCO_NAMES, run.stats.tolist(), strict=False))
    return {name: value for name, value in values.items() if value > -1}, run.eval["precision"]


def own_coco(metrics: DetectMetrics) -> dict[str, float]:
    return {name: value for name, value in metrics.compute().items() if name in COCO_NAMES}


def slow_iou(a: list[float], b: list[float]) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    common = max(width, 0.0) * max(height, 0.0)
    return common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common)


def slow_voc(case: Case, label: int) -> tuple[list[bool], list[float], int]:
    """Right or wrong and scores, best first, and the number of boxes: VOC's rules, one detection after the other."""
    every = [(i, r.tolist()) for i, rows in enumerate(case.detections) for r in rows if r[4] > 0 and r[5] == label]
    every.sort(key=lambda pair: -pair[1][4])
    true = [[r.tolist() for r in rows if r[0] == label] for rows in case.targets]
    taken: set[tuple[int, int]] = set()
    right, scores = [], []
    for image, row in every:
        overlaps = [slow_iou(row[:4], box[1:5]) for box in true[image]]
        best = max(range(len(overlaps)), key=overlaps.__getitem__, default=-1)
        if best < 0 or overlaps[best] < 0.5:
            right.append(False)
        elif true[image][best][5]:
            continue
        else:
            right.append((image, best) not in taken)
            taken.add((image, best))
        scores.append(row[4])
    return right, scores, sum(not box[5] for boxes_of_one in true for box in boxes_of_one)


def slow_area(right: list[bool], count: int) -> float:
    """VOC's, with its sentinels and its loop from the end."""
    recall = [0.0, *(sum(right[: n + 1]) / count for n in range(len(right))), 1.0]
    precision = [0.0, *(sum(right[: n + 1]) / (n + 1) for n in range(len(right))), 0.0]
    for n in reversed(range(len(precision) - 1)):
        precision[n] = max(precision[n], precision[n + 1])
    return sum((recall[n] - recall[n - 1]) * precision[n] for n in range(1, len(recall)))


EMPTY = random_case(3)
NASTY = {
    "no true box": replace(EMPTY, targets=torch.full((3, 5, 7), -1.0)),
    "no rows of targets": replace(EMPTY, targets=torch.empty(3, 0, 7)),
    "no detection": replace(EMPTY, detections=torch.zeros(3, 8, 6)),
    "no rows of detections": replace(EMPTY, detections=torch.empty(3, 0, 6)),
    "neither": Case(torch.zeros(2, 3, 6), torch.full((2, 3, 7), -1.0), 2),
    "only crowds": replace(EMPTY, targets=torch.where(torch.arange(7) == 5, 1.0, EMPTY.targets)),
    "one class": random_case(6, 1, seed=1),
    "absent classes": replace(random_case(6, 2, seed=2), classes=5),
    "one score for all": replace(
        random_case(6, seed=3), detections=torch.where(torch.arange(6) == 4, 0.5, random_case(6, seed=3).detections)
    ),
    "some images without boxes": replace(
        random_case(6, seed=4),
        targets=torch.where(torch.arange(6)[:, None, None] % 2 == 0, random_case(6, seed=4).targets, -1),
    ),
}


@pytest.mark.parametrize("seed", range(4))
def test_coco_scores_are_those_of_its_own_code(seed: int) -> None:
    case = random_case(25, seed=seed)
    expected, precision = by_pycocotools(case)
    metrics = scored(case)
    assert own_coco(metrics) == pytest.approx(expected, abs=1e-6)
    assert set(expected) == set(COCO_NAMES)
    assert 0.05 < expected["map"] < 0.95
    details = metrics.details()
    for c in range(case.classes):
        assert details.classes[c].ranking["AP"] == pytest.approx(precision[:, :, c, 0, -1].mean(), abs=1e-6)
        assert details.classes[c].ranking["AP50"] == pytest.approx(precision[0, :, c, 0, -1].mean(), abs=1e-6)
        assert details.curves[c].precision == pytest.approx(precision[0, :, c, 0, -1], abs=1e-6)
        assert details.curves[c].recall == pytest.approx([r / 100 for r in range(101)])


@pytest.mark.parametrize("name", NASTY)
def test_nasty_cases_are_scored_as_coco_does(name: str) -> None:
    expected, _ = by_pycocotools(NASTY[name])
    metrics = scored(NASTY[name])
    assert own_coco(metrics) == pytest.approx(expected, abs=1e-6)
    assert isinstance(metrics.details(), Details)


def test_what_nothing_defines_is_left_out() -> None:
    for name in ("no true box", "neither", "only crowds"):
        assert scored(NASTY[name]).compute() == {}
        assert scored(NASTY[name]).details().curves == ()
    assert scored(NASTY["no detection"]).compute()["map"] == 0


def test_what_is_not_defined_is_said_with_the_reason() -> None:
    details = scored(NASTY["neither"]).details()
    assert set(details.undefined) == {*COCO_NAMES, "voc-map-50"}
    assert details.why == "none of the 2 images has a box to find, and 0 were found"
    small = scored(replace(EMPTY, targets=torch.where(torch.arange(7) == 6, 5000.0, EMPTY.targets))).details()
    assert small.undefined == ("map-small", "map-large")
    assert small.why == "no true box has that size"
    assert scored(random_case()).details().undefined == ()


def test_every_image_has_its_own_score_at_half_overlap() -> None:
    """Right, of the wrong class, unsure, in a crowd, missed; in the order of the images."""
    true = [[0, 0, 0, 10, 10, 0, 100], [1, 20, 20, 30, 30, 0, 100], [0, 50, 50, 90, 90, 1, 1600]]
    found = [[0, 0, 10, 9, 0.9, 0], [20, 20, 30, 30, 0.8, 0], [20, 20, 30, 30, 0.2, 1], [60, 60, 70, 70, 0.7, 0]]
    nothing = [[-1.0] * 7] * 3
    metrics = DetectMetrics(("a", "b"))
    metrics.update(torch.tensor([found, [[0.0] * 6] * 4]), torch.tensor([true, nothing]))
    metrics.update(torch.tensor([[[0.0] * 6] * 4]), torch.tensor([true]))
    scores = metrics.details().images
    assert scores == (ImageScore(0.5, missed=1, wrong=1), ImageScore(None), ImageScore(0.0, missed=2))


@pytest.mark.parametrize("seed", range(3))
def test_voc_scores_and_the_class_table_by_a_slow_count(seed: int) -> None:
    case = random_case(10, seed=seed)
    metrics = scored(case)
    areas = []
    for c, row in enumerate(metrics.details().classes):
        right, scores, count = slow_voc(case, c)
        areas.append(slow_area(right, count))
        best = max(
            (2 * tp / (n + count), tp / n, tp / count)
            for threshold in set(scores)
            for n in [sum(score >= threshold for score in scores)]
            for tp in [sum(right[:n])]
        )
        assert (row.f1, row.precision, row.recall) == pytest.approx(best)
        assert row.support == count
    assert metrics.compute()["voc-map-50"] == pytest.approx(sum(areas) / len(areas), abs=1e-9)


@pytest.mark.parametrize("name", NASTY)
def test_voc_scores_of_nasty_cases(name: str) -> None:
    counted = [slow_voc(NASTY[name], c) for c in range(NASTY[name].classes)]
    areas = [slow_area(right, count) for right, _, count in counted if count]
    value = scored(NASTY[name]).compute().get("voc-map-50")
    assert value == (pytest.approx(sum(areas) / len(areas)) if areas else None)


def row(label: float, x: float, score: float, *, wide: float = 10.0) -> list[float]:
    return [x, 0, x + wide, 10, score, label]


def box(label: float, x: float, *, ignored: float = 0, wide: float = 10.0) -> list[float]:
    return [label, x, 0, x + wide, 10, ignored, wide * 10]


def test_rows_of_classes_that_are_absent_or_never_found() -> None:
    metrics = DetectMetrics(["found", "missed", "only seen", "nothing"])
    metrics.update(
        torch.tensor([[row(0, 0, 0.9), row(0, 50, 0.4), row(2, 80, 0.9)]]), torch.tensor([[box(0, 0), box(1, 20)]])
    )
    found, missed, only_seen, nothing = metrics.details().classes
    assert (found.precision, found.recall, found.f1, found.support) == (1, 1, 1, 1)
    assert (missed.precision, missed.recall, missed.f1) == (None, 0, 0)
    assert (only_seen.precision, only_seen.recall, only_seen.f1, dict(only_seen.ranking)) == (0, None, 0, {})
    assert (nothing.precision, nothing.recall, nothing.f1) == (None, None, None)
    assert [curve.name for curve in metrics.details().curves] == ["found", "missed"]


def test_confusion_knows_the_background() -> None:
    metrics = DetectMetrics(["cat", "dog"])
    found = [
        row(1, 1, 0.95),  # on the cat at 0: its own class takes it first
        row(0, 1, 0.9),
        row(1, 20, 0.8),  # on the cat at 20, which nothing else takes
        row(0, 40, 0.7),  # on nothing
        row(1, 60, 0.2),  # on the dog at 60, too uncertain
        row(1, 82, 0.6, wide=4),  # in the crowd of dogs
        row(0, 90, 0.6, wide=4),  # a cat in the crowd of dogs
    ]
    true = [box(0, 0), box(0, 20), box(1, 60), box(1, 80, ignored=1, wide=30)]
    metrics.update(torch.tensor([found]), torch.tensor([true]))
    confusion = metrics.details().confusion
    assert confusion is not None
    assert confusion.classes == ("cat", "dog", "background")
    assert confusion.counts == ((1, 1, 0), (0, 0, 1), (2, 1, 0))


def test_two_boxes_on_one_object_are_one_right_and_one_false() -> None:
    metrics = DetectMetrics(["cat"])
    metrics.update(torch.tensor([[row(0, 0, 0.9), row(0, 0, 0.8)]]), torch.tensor([[box(0, 0)]]))
    confusion = metrics.details().confusion
    assert confusion is not None
    assert confusion.counts == ((1, 0), (1, 0))
    assert metrics.compute()["map"] == 1  # the recall is complete before the false one


DOUBLED = View(100_000, 100_000, (50_000, 50_000), 4, 4, (50_000, 50_000))
"""An image twice as large as the input, which leaves out 4 of its rows and columns."""


def test_views_bring_boxes_into_the_original_image() -> None:
    case = random_case(4)
    doubled = replace(
        case,
        detections=torch.cat((case.detections[..., :4] * 2 + 8, case.detections[..., 4:]), dim=-1),
        targets=torch.cat((case.targets[..., :1], case.targets[..., 1:5] * 2 + 8, case.targets[..., 5:]), dim=-1),
    )
    metrics = DetectMetrics([str(c) for c in range(4)])
    metrics.update(case.detections, case.targets, [DOUBLED] * 4)
    assert metrics.compute() == scored(doubled).compute()
    assert metrics.compute()["map-large"] != scored(case).compute()["map-large"]  # sizes of detections count too


def test_counting_goes_on_after_a_result() -> None:
    case = random_case(8)
    metrics = DetectMetrics([str(c) for c in range(4)])
    metrics.update(case.detections[:3], case.targets[:3])
    half = metrics.compute()
    metrics.update(case.detections[3:], case.targets[3:])
    assert metrics.compute() == scored(case).compute() != half


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        metrics = scored(random_case(3))
        metrics.compute()
        metrics.details()
    assert capfd.readouterr() == ("", "")
    assert not caplog.records


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_nan_is_an_error(broken: float) -> None:
    case = random_case(3)
    case.detections[1, 2, 0] = broken
    with pytest.raises(NonFiniteOutputError, match="NaN or infinity for 1 of 3 images"):
        DetectMetrics(["a"] * 4).update(case.detections, case.targets)


def test_a_class_that_the_model_does_not_have() -> None:
    case = random_case(3, 4)
    with pytest.raises(InputError, match="class index 3, but the model has 2 classes"):
        DetectMetrics(["a", "b"]).update(case.detections, case.targets)


def test_no_image() -> None:
    for result in (DetectMetrics(["a"]).compute, DetectMetrics(["a"]).details):
        with pytest.raises(InputError, match="Nothing to score"):
            result()

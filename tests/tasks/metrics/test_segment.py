"""Against torchmetrics, scikit-learn and cases counted by hand."""

import warnings
from typing import Any

import pytest
import torch
from sklearn import metrics as scikit_metrics
from torch import Tensor
from torch.nn import functional

from plusx.core.errors import InputError, NonFiniteOutputError
from plusx.tasks.metrics.segment import SegmentMetrics

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # torchmetrics' own imports are deprecated ones
    from torchmetrics.functional.classification import multiclass_f1_score, multiclass_jaccard_index

sk: Any = scikit_metrics
NAMES = tuple(f"class {c}" for c in range(8))


def logits_of(answers: Tensor, classes: int) -> Tensor:
    """Logits (B, K, H, W) whose largest is that of `answers`."""
    return functional.one_hot(answers.long(), classes).movedim(-1, 1).float() * 3 - 1


def random_case(classes: int, present: int, void: float) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(classes)
    targets = torch.randint(present, (5, 13, 17), generator=generator)
    answers = torch.where(
        torch.rand(targets.shape, generator=generator) < 0.6,
        targets,
        torch.randint(present, targets.shape, generator=generator),
    )
    targets[torch.rand(targets.shape, generator=generator) < void] = 255
    return logits_of(answers, classes), targets.to(torch.uint8)


def counted(outputs: Tensor, targets: Tensor, parts: int = 1) -> SegmentMetrics:
    counter = SegmentMetrics(NAMES[: outputs.shape[1]])
    for some, truth in zip(outputs.chunk(parts), targets.chunk(parts), strict=True):
        counter.update(some, truth)
    return counter


CASES = {
    "two classes": random_case(2, 2, 0.0),
    "three classes, void": random_case(3, 3, 0.2),
    "eight classes, almost all void": random_case(8, 8, 0.97),
    "two of five classes are never there": random_case(5, 3, 0.1),
}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


@every_case
def test_against_scikit_learn_and_torchmetrics(case: tuple[Tensor, Tensor]) -> None:
    outputs, targets = case
    k = outputs.shape[1]
    answers, truths = outputs.argmax(1).flatten(), targets.flatten().long()
    kept = truths != 255
    y, p = truths[kept].numpy(), answers[kept].numpy()
    occurring = sorted({*y.tolist(), *p.tolist()})
    values = counted(outputs, targets).compute()
    assert values["miou"] == pytest.approx(sk.jaccard_score(y, p, labels=occurring, average="macro"))
    assert values["dice"] == pytest.approx(sk.f1_score(y, p, labels=occurring, average="macro"))
    assert values["pixel-accuracy"] == pytest.approx(sk.accuracy_score(y, p))
    assert values["mean-accuracy"] == pytest.approx(
        sk.recall_score(y, p, labels=sorted(set(y.tolist())), average="macro")
    )
    per_class = multiclass_jaccard_index(answers, truths, k, average="none", ignore_index=255)
    dice = multiclass_f1_score(answers, truths, k, average="none", ignore_index=255)
    for index, score in enumerate(counted(outputs, targets).details().classes):
        if index in occurring:
            assert score.ranking["IoU"] == pytest.approx(float(per_class[index]), abs=1e-6)
            assert score.f1 == pytest.approx(float(dice[index]), abs=1e-6)
        else:
            assert "IoU" not in score.ranking
            assert score.f1 is None


@every_case
def test_parts_and_order_do_not_matter(case: tuple[Tensor, Tensor]) -> None:
    outputs, targets = case
    whole = counted(outputs, targets).compute()
    assert counted(outputs, targets, parts=5).compute() == pytest.approx(whole, abs=1e-12)
    assert counted(outputs.flip(0), targets.flip(0), parts=2).compute() == pytest.approx(whole, abs=1e-12)


@every_case
def test_answers_in_void_pixels_change_nothing(case: tuple[Tensor, Tensor]) -> None:
    outputs, targets = case
    changed = torch.where((targets == 255)[:, None], outputs.flip(1), outputs)
    assert counted(changed, targets).compute() == counted(outputs, targets).compute()


def test_counted_by_hand() -> None:
    targets = torch.tensor([[[0, 0, 1, 255]], [[1, 1, 1, 0]]], dtype=torch.uint8)
    answers = torch.tensor([[[0, 1, 1, 2]], [[1, 0, 1, 0]]])
    counter = counted(logits_of(answers, 3), targets)
    values = counter.compute()
    assert values["pixel-accuracy"] == 5 / 7
    assert values["miou"] == pytest.approx((2 / 4 + 3 / 5) / 2)  # class 2 was only answered where nothing is counted
    assert values["mean-accuracy"] == pytest.approx((2 / 3 + 3 / 4) / 2)
    details = counter.details()
    assert details.confusion is not None
    assert details.confusion.counts == ((2, 1, 0), (1, 3, 0), (0, 0, 0))
    assert [score.support for score in details.classes] == [2, 2, 0]
    assert details.classes[0].precision == pytest.approx(2 / 3)


def test_a_class_that_is_only_answered_counts_with_0() -> None:
    targets = torch.zeros(1, 4, 4, dtype=torch.uint8)
    answers = torch.zeros(1, 4, 4)
    answers[0, 0, 0] = 2
    values = counted(logits_of(answers, 3), targets).compute()
    assert values["miou"] == pytest.approx((15 / 16 + 0) / 2)
    assert values["mean-accuracy"] == 15 / 16


def test_one_class() -> None:
    values = counted(torch.zeros(2, 1, 5, 5), torch.zeros(2, 5, 5, dtype=torch.uint8)).compute()
    assert values == {"miou": 1.0, "dice": 1.0, "pixel-accuracy": 1.0, "mean-accuracy": 1.0}


def test_every_image_has_the_mean_iou_of_its_classes() -> None:
    truths = torch.tensor([[[0, 0, 1, 1]], [[2, 2, 2, 2]], [[255, 255, 255, 255]]], dtype=torch.uint8)
    answers = torch.tensor([[[0, 1, 1, 1]], [[2, 2, 2, 2]], [[0, 0, 1, 2]]])
    details = counted(logits_of(answers, 3), truths, parts=2).details()
    assert [image.score for image in details.images] == [pytest.approx((1 / 2 + 2 / 3) / 2), 1.0, None]


def test_a_metric_without_a_value_is_told() -> None:
    flat = torch.zeros(2, 4, 4, dtype=torch.uint8)
    details = counted(logits_of(flat, 2), flat).details()
    assert (details.undefined, details.why) == (("boundary-f",), "no mask has two classes that touch")


def test_only_void_is_refused_and_does_no_harm_beside_other_images() -> None:
    void = torch.full((2, 6, 6), 255, dtype=torch.uint8)
    counter = counted(torch.randn(2, 3, 6, 6), void)
    with pytest.raises(InputError, match=r"all pixels of the 2 masks are void \(255\)"):
        counter.compute()
    with pytest.raises(InputError, match="all pixels of the 2 masks are void"):
        counter.details()
    outputs, targets = CASES["three classes, void"]
    counter.update(outputs, targets)
    assert counter.compute() == counted(outputs, targets).compute()


def test_nothing_counted_is_refused() -> None:
    with pytest.raises(InputError, match="no image with a target was found"):
        SegmentMetrics(NAMES).compute()


def test_classes_the_model_does_not_have_are_refused() -> None:
    targets = torch.full((1, 2, 2), 3, dtype=torch.uint8)
    with pytest.raises(InputError, match="class indices from 3 to 3, but the model has 3 classes, counted from 0; 255"):
        counted(torch.zeros(1, 3, 2, 2), targets)


def test_nan_is_refused() -> None:
    outputs = torch.zeros(2, 3, 4, 4)
    outputs[1, 0, 0, 0] = torch.nan
    with pytest.raises(NonFiniteOutputError, match="NaN or infinity for 1 of 2 images"):
        counted(outputs, torch.zeros(2, 4, 4, dtype=torch.uint8))


def test_counts_beyond_32_bits_are_exact() -> None:
    counter = counted(*CASES["two classes"])
    counter._confusion += 2**40
    assert counter.compute()["pixel-accuracy"] == pytest.approx(0.5, abs=1e-9)
    assert int(counter._confusion.sum()) == 4 * 2**40 + 5 * 13 * 17

"""Against scikit-learn and torchmetrics."""

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from sklearn import metrics as scikit_metrics
from torch import Tensor

from plusx.core.errors import InputError, NonFiniteOutputError
from plusx.tasks.metrics import classify
from plusx.tasks.metrics.classify import ClassifyMetrics

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # torchmetrics' own imports are deprecated ones
    from torchmetrics.functional.classification import (
        multiclass_accuracy,
        multiclass_auroc,
        multiclass_calibration_error,
    )

sk: Any = scikit_metrics  # the type stubs in use do not know that arrays are array-like
NAMES = tuple(f"class {c}" for c in range(8))


def counted(logits: Tensor, targets: Tensor, parts: int = 3) -> ClassifyMetrics:
    counter = ClassifyMetrics(NAMES[: logits.shape[1]])
    for outputs, truth in zip(logits.chunk(parts), targets.chunk(parts), strict=True):
        counter.update(outputs, truth)
    return counter


def random_case(classes: int, images: int = 200, present: int | None = None) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(classes)
    targets = torch.randint(present or classes, (images,), generator=generator)
    logits = torch.randn(images, classes, generator=generator) * 2
    logits[torch.arange(images), targets] += 1.5
    return logits, targets


def tied_case() -> tuple[Tensor, Tensor]:
    """Few distinct scores: most of them are equal to others."""
    logits, targets = random_case(5)
    return (logits / 2).round(), targets


CASES = {
    "two classes": random_case(2),
    "three classes": random_case(3),
    "eight classes": random_case(8),
    "two of eight classes have no image": random_case(8, present=6),
    "ties": tied_case(),
    "three images": random_case(4, images=3),
}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


@every_case
def test_equals_scikit_learn(case: tuple[Tensor, Tensor]) -> None:
    logits, targets = case
    values = counted(logits, targets).compute()
    probabilities, truth = logits.softmax(1).numpy(), targets.numpy()
    answer, every = probabilities.argmax(1), list(range(logits.shape[1]))
    present = [c for c in every if (truth == c).any()]
    assert values["accuracy"] == pytest.approx(sk.accuracy_score(truth, answer), abs=1e-6)
    recalls = sk.recall_score(truth, answer, labels=present, average=None, zero_division=0)
    assert values["balanced-accuracy"] == pytest.approx(np.mean(recalls), abs=1e-6)
    f1 = sk.f1_score(truth, answer, average="macro", labels=every, zero_division=np.nan)
    assert values["macro-f1"] == pytest.approx(f1, abs=1e-6)
    log_loss = sk.log_loss(truth, logits.double().softmax(1).numpy(), labels=every)
    assert values["nll"] == pytest.approx(log_loss, abs=1e-6)
    areas = [sk.roc_auc_score(truth == c, probabilities[:, c]) for c in present]
    assert values["auroc"] == pytest.approx(np.mean(areas), abs=1e-6)


@every_case
def test_equals_torchmetrics(case: tuple[Tensor, Tensor]) -> None:
    logits, targets = case
    k = logits.shape[1]
    values = counted(logits, targets).compute()
    assert values["ece"] == pytest.approx(float(multiclass_calibration_error(logits, targets, k)), abs=1e-6)
    assert values["accuracy"] == pytest.approx(
        float(multiclass_accuracy(logits, targets, k, average="micro")), abs=1e-6
    )
    if len(targets.unique()) == k:
        assert values["auroc"] == pytest.approx(float(multiclass_auroc(logits.softmax(1), targets, k)), abs=1e-6)


def test_top_5_equals_torchmetrics() -> None:
    logits, targets = random_case(8)
    expected = float(multiclass_accuracy(logits, targets, 8, top_k=5, average="micro"))
    assert counted(logits, targets).compute()["top-5"] == pytest.approx(expected, abs=1e-6)


def test_top_5_of_equal_scores_ranks_as_predictions_do() -> None:
    values = counted(torch.zeros(8, 8), torch.arange(8)).compute()
    assert (values["accuracy"], values["top-5"]) == (1 / 8, 5 / 8)


def test_top_5_with_three_classes_says_nothing_and_is_left_out() -> None:
    assert "top-5" not in counted(*random_case(3)).compute()


@every_case
def test_details_equal_scikit_learn(case: tuple[Tensor, Tensor]) -> None:
    logits, targets = case
    details = counted(logits, targets).details()
    every, answer = list(range(logits.shape[1])), logits.argmax(1).numpy()
    columns = sk.precision_recall_fscore_support(targets.numpy(), answer, labels=every, zero_division=np.nan)
    ours = [(c.precision, c.recall, c.f1, c.support) for c in details.classes]
    expected = np.array(columns, dtype=float).T
    np.testing.assert_allclose(np.array(ours, dtype=float), expected, atol=1e-9)
    assert details.confusion is not None
    matrix = sk.confusion_matrix(targets.numpy(), answer, labels=every)
    assert [list(row) for row in details.confusion.counts] == matrix.tolist()
    assert sum(row.count for row in details.reliability) == len(targets)


def test_reliability_holds_the_calibration_error() -> None:
    metrics = counted(*random_case(8))
    rows = metrics.details().reliability
    error = sum(r.count * abs(r.accuracy - r.confidence) for r in rows) / sum(r.count for r in rows)
    assert metrics.compute()["ece"] == pytest.approx(error)
    assert all(r.lower < r.confidence <= r.upper + 1e-7 for r in rows)


def test_one_class_only_in_the_targets() -> None:
    values = counted(torch.randn(9, 3), torch.ones(9, dtype=torch.int64)).compute()
    assert "auroc" not in values
    assert values["balanced-accuracy"] == values["accuracy"]


def test_a_model_of_one_class() -> None:
    values = counted(torch.zeros(3, 1), torch.zeros(3, dtype=torch.int64)).compute()
    assert values == {"accuracy": 1.0, "balanced-accuracy": 1.0, "macro-f1": 1.0, "ece": 0.0, "nll": 0.0}


def test_never_right() -> None:
    values = counted(torch.tensor([[9.0, -9.0], [9.0, -9.0], [9.0, -9.0]]), torch.ones(3, dtype=torch.int64)).compute()
    assert (values["accuracy"], values["macro-f1"], values["balanced-accuracy"]) == (0.0, 0.0, 0.0)
    assert values["ece"] == pytest.approx(1.0, abs=1e-6)


def test_probabilities_as_targets_count_by_their_largest() -> None:
    logits, targets = random_case(4)
    soft = torch.nn.functional.one_hot(targets, 4) * 0.7 + 0.1
    assert counted(logits, soft).compute() == counted(logits, targets).compute()


def test_parts_do_not_matter() -> None:
    logits, targets = random_case(5)
    whole, parts = counted(logits, targets, 1).compute(), counted(logits, targets, 9).compute()
    assert whole == pytest.approx(parts)


def test_auroc_is_left_out_when_scores_would_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classify, "SCORES_KEPT", 500)
    values = counted(*random_case(5)).compute()
    assert "auroc" not in values
    assert "accuracy" in values


def test_nan_is_an_error_that_counts_the_images() -> None:
    logits, targets = random_case(4)
    logits[3, 1], logits[7, 0], logits[7, 2] = float("nan"), float("inf"), float("-inf")
    with pytest.raises(NonFiniteOutputError, match=r"answers NaN or infinity for 2 of 200 images.*earlier checkpoint"):
        counted(logits, targets, 1)


def test_an_empty_batch_changes_nothing() -> None:
    logits, targets = random_case(8)
    counter = counted(logits, targets)
    before = counter.compute()
    counter.update(logits[:0], targets[:0])
    assert counter.compute() == before


def test_nothing_counted_is_an_error() -> None:
    for ask in (ClassifyMetrics(NAMES).compute, ClassifyMetrics(NAMES).details):
        with pytest.raises(InputError, match=r"Nothing to score: no image with a target was found"):
            ask()


@pytest.mark.parametrize("wrong", [-1, 4])
def test_class_index_that_the_model_does_not_have(wrong: int) -> None:
    with pytest.raises(InputError, match=r"class indices from -?\d to \d, but the model has 4 classes"):
        counted(torch.zeros(2, 4), torch.tensor([2, wrong]), 1)


def test_half_precision_outputs() -> None:
    logits, targets = random_case(4)
    low = logits.bfloat16()
    assert counted(low, targets).compute() == counted(low.float(), targets).compute()

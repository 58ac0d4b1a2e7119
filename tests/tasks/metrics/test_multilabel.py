"""Against scikit-learn and torchmetrics."""

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from sklearn import metrics as scikit_metrics
from torch import Tensor

from plusx.core.errors import InputError, NonFiniteOutputError
from plusx.tasks.metrics.multilabel import MultiLabelMetrics

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # torchmetrics' own imports are deprecated ones
    from torchmetrics.functional.classification import (
        multilabel_auroc,
        multilabel_average_precision,
        multilabel_exact_match,
        multilabel_f1_score,
    )

sk: Any = scikit_metrics  # the type stubs in use do not know that arrays are array-like
NAMES = ("sky", "sea", "dog", "car", "tree")


def counted(logits: Tensor, targets: Tensor, threshold: float = 0.5) -> MultiLabelMetrics:
    counter = MultiLabelMetrics(NAMES[: logits.shape[1]], threshold)
    for outputs, truth in zip(logits.chunk(3), targets.chunk(3), strict=True):
        counter.update(outputs, truth)
    return counter


def random_case(classes: int = 5) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(classes)
    targets = (torch.rand(150, classes, generator=generator) < 0.3).float()
    return torch.randn(150, classes, generator=generator) + 2 * targets - 1, targets


def tied_case() -> tuple[Tensor, Tensor]:
    logits, targets = random_case()
    return logits.round(), targets


def column_set(value: float) -> tuple[Tensor, Tensor]:
    logits, targets = random_case()
    targets[:, 1] = value
    return logits, targets


CASES = {
    "five classes": random_case(),
    "one class": random_case(1),
    "ties": tied_case(),
    "a class that no image has": column_set(0.0),
    "a class that every image has": column_set(1.0),
}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


@every_case
@pytest.mark.parametrize("threshold", [0.5, 0.2])
def test_equals_scikit_learn(case: tuple[Tensor, Tensor], threshold: float) -> None:
    logits, targets = case
    values = counted(logits, targets, threshold).compute()
    scores, truth = logits.sigmoid().numpy(), targets.numpy().astype(int)
    given = (scores >= threshold).astype(int)
    occur = [c for c in range(truth.shape[1]) if truth[:, c].any()]
    mixed = [c for c in occur if not truth[:, c].all()]
    precisions = [sk.average_precision_score(truth[:, c], scores[:, c]) for c in occur]
    assert values["map"] == pytest.approx(np.mean(precisions), abs=1e-6)
    areas = [sk.roc_auc_score(truth[:, c], scores[:, c]) for c in mixed]
    assert values["auroc"] == pytest.approx(np.mean(areas), abs=1e-6)
    assert values["subset-accuracy"] == pytest.approx((given == truth).all(axis=1).mean(), abs=1e-6)
    scores_f1 = [sk.f1_score(truth[:, c], given[:, c], zero_division=np.nan) for c in range(truth.shape[1])]
    assert values["macro-f1"] == pytest.approx(np.nanmean(scores_f1), abs=1e-6)
    assert values["micro-f1"] == pytest.approx(sk.f1_score(truth.ravel(), given.ravel()), abs=1e-6)


@pytest.mark.parametrize("case", [random_case(), tied_case()], ids=["random", "ties"])
def test_equals_torchmetrics(case: tuple[Tensor, Tensor]) -> None:
    logits, targets = case
    scores, truth = logits.sigmoid(), targets.long()
    expected = {
        "map": multilabel_average_precision(scores, truth, 5),
        "auroc": multilabel_auroc(scores, truth, 5),
        "macro-f1": multilabel_f1_score(scores, truth, 5, threshold=0.45),
        "micro-f1": multilabel_f1_score(scores, truth, 5, threshold=0.45, average="micro"),
        "subset-accuracy": multilabel_exact_match(scores, truth, 5, threshold=0.45),
    }
    values = counted(logits, targets, 0.45).compute()
    assert values == pytest.approx({name: float(value) for name, value in expected.items()}, abs=1e-6)


def test_no_class_occurs() -> None:
    values = counted(torch.randn(6, 3) - 9, torch.zeros(6, 3)).compute()
    assert values == {"map": 0.0, "micro-f1": 0.0, "macro-f1": 0.0, "subset-accuracy": 1.0}


def test_details_have_one_row_a_class() -> None:
    logits, targets = column_set(0.0)
    rows = counted(logits, targets).details().classes
    assert [row.name for row in rows] == list(NAMES)
    assert [row.support for row in rows] == targets.sum(0).int().tolist()
    assert rows[1].recall is None
    assert rows[1].ranking == {}
    expected = sk.average_precision_score(targets[:, 0].numpy(), logits[:, 0].numpy())
    assert rows[0].ranking["AP"] == pytest.approx(expected)


def test_nan_is_an_error() -> None:
    with pytest.raises(NonFiniteOutputError, match=r"NaN or infinity for 3 of 3 images"):
        MultiLabelMetrics(NAMES, 0.5).update(torch.full((3, 5), float("nan")), torch.zeros(3, 5))


def test_an_empty_batch_changes_nothing() -> None:
    logits, targets = random_case(5)
    counter = counted(logits, targets)
    before = counter.compute()
    counter.update(logits[:0], targets[:0])
    assert counter.compute() == before


def test_nothing_counted_is_an_error() -> None:
    for ask in (MultiLabelMetrics(NAMES, 0.5).compute, MultiLabelMetrics(NAMES, 0.5).details):
        with pytest.raises(InputError, match="Nothing to score"):
            ask()

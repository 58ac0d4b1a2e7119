"""Against scikit-learn."""

from typing import Any

import numpy as np
import pytest
import torch
from sklearn import metrics as scikit_metrics
from torch import Tensor

from plusx.core.errors import InputError, NonFiniteOutputError
from plusx.tasks.metrics.regress import RegressMetrics

sk: Any = scikit_metrics  # the type stubs in use do not know that arrays are array-like
MEAN, STD = (40.0, 1e5), (10.0, 2e4)


@pytest.fixture
def case() -> tuple[Tensor, Tensor]:
    """Standardised outputs and targets in their unit, (90, 2)."""
    generator = torch.Generator().manual_seed(0)
    standard = torch.randn(90, 2, generator=generator)
    noise = torch.randn(90, 2, generator=generator)
    return standard + 0.3 * noise, standard * torch.tensor(STD) + torch.tensor(MEAN)


def counted(outputs: Tensor, targets: Tensor) -> RegressMetrics:
    k = outputs.shape[1]
    counter = RegressMetrics(("age", "price")[:k], MEAN[:k], STD[:k])
    for part, truth in zip(outputs.chunk(3), targets.chunk(3), strict=True):
        counter.update(part, truth)
    return counter


def test_columns_and_means_equal_scikit_learn(case: tuple[Tensor, Tensor]) -> None:
    outputs, targets = case
    metrics = counted(outputs, targets)
    values = metrics.compute()
    predicted, true = (outputs * torch.tensor(STD) + torch.tensor(MEAN)).double().numpy(), targets.double().numpy()
    mae = sk.mean_absolute_error(true, predicted, multioutput="raw_values")
    expected = {"mae": mae, "rmse": sk.root_mean_squared_error(true, predicted, multioutput="raw_values")}
    expected["r2"] = sk.r2_score(true, predicted, multioutput="raw_values")
    for name, columns in expected.items():
        assert values[name] == pytest.approx(np.mean(columns), rel=1e-6)
        assert [values[f"{name}/age"], values[f"{name}/price"]] == pytest.approx(columns, rel=1e-6)
    assert values["standardised-mae"] == pytest.approx(np.mean(mae / np.array(STD)), rel=1e-6)
    assert (metrics.primary, metrics.higher_is_better) == ("standardised-mae", False)


def test_one_column_has_no_names(case: tuple[Tensor, Tensor]) -> None:
    outputs, targets = case
    metrics = counted(outputs[:, :1], targets[:, :1])
    assert list(metrics.compute()) == ["mae", "rmse", "r2"]
    assert metrics.primary == "mae"


def test_constant_targets_have_no_r2(case: tuple[Tensor, Tensor]) -> None:
    outputs, targets = case
    targets[:, 0] = 7.0
    values = counted(outputs, targets).compute()
    assert "r2/age" not in values
    assert values["r2"] == values["r2/price"]
    assert "r2" not in counted(outputs[:, :1], targets[:, :1]).compute()


def test_one_image() -> None:
    metrics = RegressMetrics(("age",), (0.0,), (1.0,))
    metrics.update(torch.tensor([[3.0]]), torch.tensor([[1.0]]))
    assert metrics.compute() == {"mae": 2.0, "rmse": 2.0}


def test_large_values_do_not_lose_the_spread() -> None:
    years = torch.tensor([[2.00e6], [2.01e6], [2.02e6], [2.03e6]])
    metrics = RegressMetrics(("x",), (2e6,), (1e4,))
    metrics.update(torch.tensor([[0.0], [1.0], [2.0], [2.0]]), years)
    assert metrics.compute()["r2"] == pytest.approx(0.8)


def test_details_hold_the_pairs(case: tuple[Tensor, Tensor]) -> None:
    age, price = counted(*case).details().pairs
    assert (age.column, price.column) == ("age", "price")
    assert age.true == pytest.approx(case[1][:, 0].tolist())
    assert len(price.predicted) == 90


def test_nan_is_an_error() -> None:
    with pytest.raises(NonFiniteOutputError, match=r"NaN or infinity for 1 of 2 images"):
        RegressMetrics(("age",), (0.0,), (1.0,)).update(torch.tensor([[1.0], [float("nan")]]), torch.zeros(2, 1))


def test_nothing_counted_is_an_error() -> None:
    for ask in (RegressMetrics(("a",), (0.0,), (1.0,)).compute, RegressMetrics(("a",), (0.0,), (1.0,)).details):
        with pytest.raises(InputError, match="Nothing to score"):
            ask()

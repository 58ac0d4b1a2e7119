import pytest
import torch

from plusx.core.backbone import Backbone
from plusx.core.prediction import ValuePrediction
from plusx.tasks.regress import Regress, RegressConfig


def test_user_unit_comes_back(backbone: Backbone) -> None:
    task = Regress(backbone, RegressConfig(("age",), (40.0,), (10.0,)))
    [prediction] = task.predict(torch.tensor([[1.5]]), ["a"])
    assert prediction == ValuePrediction("a", {"age": 55.0})


def test_loss_is_of_standardised_values(backbone: Backbone) -> None:
    images, targets = torch.randn(3, 3, 32, 32), torch.tensor([[30.0], [50.0], [90.0]])
    task = Regress(backbone, RegressConfig(("age",), (40.0,), (10.0,))).eval()
    expected = (task(images) - torch.tensor([[-1.0], [1.0], [5.0]])).square().mean()
    torch.testing.assert_close(task(images, targets)["squared-error"], expected)


def test_constant_targets_and_no_statistics(backbone: Backbone) -> None:
    task = Regress(backbone, RegressConfig(("age",), (40.0,), (0.0,)))
    assert task.decode(torch.tensor([[0.5]])).tolist() == [[40.5]]
    assert Regress(backbone, RegressConfig(("age",))).decode(torch.tensor([[0.5]])).tolist() == [[0.5]]


def test_several_columns_have_their_own_unit(backbone: Backbone) -> None:
    task = Regress(backbone, RegressConfig(("age", "price"), (40.0, 1e5), (10.0, 1e4)))
    assert task.decode(torch.tensor([[1.0, -1.0]])).tolist() == [[50.0, 9e4]]
    assert task.metrics().primary == "standardised-mae"


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_decode_is_in_64_bits(backbone: Backbone, dtype: torch.dtype) -> None:
    task = Regress(backbone, RegressConfig(("year",), (2000.0,), (10.0,)))
    assert task.decode(torch.tensor([[0.125]], dtype=dtype)).item() == 2001.25


FAR = RegressConfig(("time",), (1_000_000.0,), (0.01,))
"""A spread of 0.01 around a million, where neighbouring float32 values are 0.06 apart."""


def test_values_far_from_0_keep_their_spread(backbone: Backbone) -> None:
    task = Regress(backbone, FAR)
    [prediction] = task.predict(torch.tensor([[1.0]]), ["a"])
    assert prediction == ValuePrediction("a", {"time": 1_000_000.01})


def test_values_far_from_0_are_learned_by_their_differences(backbone: Backbone) -> None:
    images = torch.randn(2, 3, 32, 32)
    task = Regress(backbone, FAR).eval()
    targets = torch.tensor([[999_999.99], [1_000_000.02]], dtype=torch.float64)
    expected = (task(images) - torch.tensor([[-1.0], [2.0]])).square().mean()
    loss = task(images, targets)["squared-error"]
    torch.testing.assert_close(loss, expected)
    assert loss.dtype == torch.float32


def test_values_far_from_0_are_scored_by_their_differences(backbone: Backbone) -> None:
    metrics = Regress(backbone, FAR).metrics()
    metrics.update(torch.tensor([[-1.0], [2.5]]), torch.tensor([[999_999.99], [1_000_000.02]], dtype=torch.float64))
    assert metrics.compute()["mae"] == pytest.approx(0.0025, rel=1e-5)


def test_keeps_64_bits_where_the_module_is_brought_to_less(backbone: Backbone) -> None:
    task = Regress(backbone, FAR).half().float()
    assert task.decode(torch.tensor([[1.0]])).item() == 1_000_000.01

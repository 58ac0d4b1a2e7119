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
def test_decode_is_in_32_bits(backbone: Backbone, dtype: torch.dtype) -> None:
    task = Regress(backbone, RegressConfig(("year",), (2000.0,), (10.0,)))
    assert task.decode(torch.tensor([[0.125]], dtype=dtype)).item() == 2001.25

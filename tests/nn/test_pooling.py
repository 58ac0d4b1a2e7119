import pytest
import torch
from torch.nn.functional import avg_pool2d

from plusx.nn.pooling import SpreadAvgPool2d, halving_average_pool
from plusx.nn.strides import Step


@pytest.mark.parametrize(("side", "halved"), [(2, 1), (7, 3), (8, 4)])
def test_a_side_is_halved_and_rounded_down(side: int, halved: int) -> None:
    found = halving_average_pool(Step(2))(torch.arange(float(side)).expand(1, 1, side, side))
    assert found.shape == (1, 1, halved, halved)
    assert found[0, 0, 0].tolist() == [2 * i + 0.5 for i in range(halved)]


@pytest.mark.parametrize("dilation", [1, 2, 4])
def test_every_second_point_of_the_spread_pool_is_the_coarse_pool(dilation: int) -> None:
    x = torch.randn(2, 3, 8 * dilation, 6 * dilation, dtype=torch.float64)
    found = halving_average_pool(Step(1, dilation=dilation, dilation_after=2 * dilation))(x)
    assert found.shape == x.shape
    coarse = avg_pool2d(x[:, :, ::dilation, ::dilation], 2)
    torch.testing.assert_close(found[:, :, :: 2 * dilation, :: 2 * dilation], coarse)


def test_the_last_rows_count_once_more() -> None:
    x = torch.tensor([1.0, 2.0, 4.0]).expand(1, 1, 3, 3)
    assert SpreadAvgPool2d(1)(x)[0, 0, 2].tolist() == [1.5, 3.0, 4.0]
    assert SpreadAvgPool2d(2)(x)[0, 0, 0].tolist() == [2.5, 3.0, 4.0]
    assert SpreadAvgPool2d(4)(torch.ones(1, 1, 1, 1)).tolist() == [[[[1.0]]]]


def test_says_its_dilation() -> None:
    assert repr(SpreadAvgPool2d(2)) == "SpreadAvgPool2d(dilation=2)"

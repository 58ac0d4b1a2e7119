import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from plusx.nn.pooling import HalvingAverage, SpreadAverage, average_rounded_down, average_rounded_up
from plusx.nn.strides import Step


def slow_mean(x: Tensor, row: int, column: int, apart: int) -> Tensor:
    """Of the points there are among four."""
    points = [
        x[:, :, i, j] for i in (row, row + apart) for j in (column, column + apart) if i < x.shape[2] and j < x.shape[3]
    ]
    return torch.stack(points).mean(dim=0)


def slowly(x: Tensor, stride: int, apart: int) -> Tensor:
    rows = [
        torch.stack([slow_mean(x, i, j, apart) for j in range(0, x.shape[3], stride)], dim=-1)
        for i in range(0, x.shape[2], stride)
    ]
    return torch.stack(rows, dim=2)


SIZES = [(6, 8), (7, 5), (1, 1), (1, 4), (2, 3)]


@pytest.mark.parametrize("size", SIZES)
def test_halving_is_the_mean_of_the_points_there_are(size: tuple[int, int]) -> None:
    x = torch.randn(2, 3, *size)
    torch.testing.assert_close(HalvingAverage()(x), slowly(x, stride=2, apart=1))


@pytest.mark.parametrize("apart", [1, 2, 4])
@pytest.mark.parametrize("size", SIZES)
def test_spread_points_are_so_far_apart(size: tuple[int, int], apart: int) -> None:
    x = torch.randn(2, 3, *size)
    torch.testing.assert_close(SpreadAverage(apart)(x), slowly(x, stride=1, apart=apart))


def test_a_graph_for_any_size_gives_the_same() -> None:
    side = torch.export.Dim("side", min=3)
    shapes = ({2: side, 3: side},)
    graph = torch.export.export(HalvingAverage(), (torch.randn(1, 2, 8, 8),), dynamic_shapes=shapes, strict=True)
    for size in (7, 16, 3):
        x = torch.randn(1, 2, size, size)
        torch.testing.assert_close(graph.module()(x), HalvingAverage()(x))


def test_it_has_no_parameter() -> None:
    assert not list(nn.Sequential(HalvingAverage(), SpreadAverage(2)).parameters())
    assert str(SpreadAverage(2)) == "SpreadAverage(apart=2)"


@pytest.mark.parametrize(("side", "down", "up"), [(2, 1, 1), (7, 3, 4), (8, 4, 4)])
def test_a_side_is_rounded_as_asked(side: int, down: int, up: int) -> None:
    x = torch.arange(float(side)).expand(1, 1, side, side)
    for pool, halved in ((average_rounded_down(Step(2)), down), (average_rounded_up(Step(2)), up)):
        found = pool(x)
        assert found.shape == (1, 1, halved, halved)
        assert found[0, 0, 0].tolist() == [min(2 * i + 0.5, side - 1) for i in range(halved)]


@pytest.mark.parametrize("dilation", [1, 2, 4])
def test_every_second_point_of_the_spread_mean_is_the_coarse_one(dilation: int) -> None:
    x = torch.randn(2, 3, 8 * dilation, 6 * dilation, dtype=torch.float64)
    step = Step(1, dilation=dilation, dilation_after=2 * dilation)
    coarse = avg_pool2d(x[:, :, ::dilation, ::dilation], 2)
    for pool in (average_rounded_down(step), average_rounded_up(step)):
        found = pool(x)
        assert found.shape == x.shape
        torch.testing.assert_close(found[:, :, :: 2 * dilation, :: 2 * dilation], coarse)


def test_nothing_where_the_grid_stays() -> None:
    assert isinstance(average_rounded_up(Step(1, 2, 2)), nn.Identity)

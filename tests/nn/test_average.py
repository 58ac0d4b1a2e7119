import pytest
import torch
from torch import Tensor, nn

from plusx.nn.average import HalvingAverage, SpreadAverage


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

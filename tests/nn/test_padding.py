"""Against a convolution one point at a time, and against sides counted by hand."""

import pytest
import torch
from torch import Tensor, nn

from plusx.nn.conv import conv
from plusx.nn.padding import Padding, max_pool, missing, padded


def slow_same(x: Tensor, weight: Tensor, stride: int) -> Tensor:
    """TensorFlow's rule in one dimension: ceil(n / stride) points; the odd zero comes last."""
    n, k = x.numel(), weight.numel()
    points = -(-n // stride)
    before = max((points - 1) * stride + k - n, 0) // 2
    y = torch.zeros(points)
    for i in range(points):
        for j in range(k):
            at = i * stride + j - before
            y[i] += weight[j] * (x[at] if 0 <= at < n else 0)
    return y


@pytest.mark.parametrize("side", [5, 6, 7, 32, 33])
@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
def test_same_against_the_slow_one(side: int, kernel: int, stride: int) -> None:
    layer = conv(1, 1, kernel, stride=stride, padding="same")
    column, w = torch.randn(side), torch.randn(kernel)
    layer.weight.data.zero_()[0, 0, :, kernel // 2] = w  # a map one point wide is padded by as much on both sides
    found = layer(column[None, None, :, None])[0, 0, :, 0]
    torch.testing.assert_close(found, slow_same(column, w, stride))


@pytest.mark.parametrize(
    ("side", "reach", "stride", "padding", "expected"),
    [
        (224, 3, 2, "same", (0, 1)),
        (225, 3, 2, "same", (1, 1)),
        (224, 5, 2, "same", (1, 2)),
        (7, 1, 2, "same", (0, 0)),
        (224, 3, 2, "end", (0, 1)),
        (225, 3, 2, "end", (0, 1)),
        (224, 5, 1, "symmetric", (2, 2)),
    ],
)
def test_missing(side: int, reach: int, stride: int, padding: Padding, expected: tuple[int, int]) -> None:
    assert missing(side, reach, stride, padding) == expected


def test_end_rounds_odd_sides_down() -> None:
    layer = conv(1, 1, 3, stride=2, padding="end")
    assert layer(torch.zeros(1, 1, 33, 32)).shape[2:] == (16, 16)


def test_the_pool_never_sees_its_padding() -> None:
    x = torch.full((1, 1, 4, 4), -3.0)
    for padding in ("symmetric", "same"):
        assert torch.equal(max_pool(3, 2, padding)(x), torch.full((1, 1, 2, 2), -3.0))


@pytest.mark.parametrize("padding", ["symmetric", "same"])
def test_a_dilated_pool_is_a_pool_of_every_second_point(padding: Padding) -> None:
    x = torch.randn(1, 1, 7, 9)
    found = max_pool(3, 1, padding, dilation=2)(x)
    assert found.shape == x.shape
    for row in (0, 1):
        for column in (0, 1):
            sampled = x[:, :, row::2, column::2]
            assert torch.equal(found[:, :, row::2, column::2], max_pool(3, 1, padding)(sampled))


def test_plain_layers_where_all_conventions_agree() -> None:
    assert type(conv(1, 1, 3, padding="same")) is nn.Conv2d
    assert type(conv(1, 1, 1, stride=2, padding="same")) is nn.Conv2d
    assert type(conv(1, 1, 3, stride=2)) is nn.Conv2d
    assert "around=same" in repr(conv(1, 1, 3, stride=2, padding="same"))
    assert "around=same" in repr(max_pool(3, 2, "same"))


def test_width_and_height_are_padded_apart() -> None:
    assert padded(torch.zeros(1, 1, 5, 6), 3, 2, "same").shape == (1, 1, 7, 7)

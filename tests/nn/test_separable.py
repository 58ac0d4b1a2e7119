import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad

from plusx.nn.padding import Padding
from plusx.nn.separable import depthwise, pointwise, separable


def one_map_at_a_time(x: Tensor, layer: nn.Sequential, stride: int, dilation: int) -> Tensor:
    """Slow and obvious: every map by itself, then the weighted sums of all maps."""
    spatial, across = layer.get_parameter("depthwise.weight"), layer.get_parameter("pointwise.weight")
    x = pad(x, (dilation,) * 4)
    maps = [
        conv2d(x[:, c : c + 1], spatial[c : c + 1], stride=stride, dilation=dilation)[:, 0] for c in range(x.shape[1])
    ]
    sums = [sum(w[c, 0, 0] * maps[c] for c in range(len(maps))) for w in across]
    return torch.stack([torch.as_tensor(value) for value in sums], dim=1)


@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (1, 2), (2, 2)])
def test_every_map_by_itself_then_all_together(stride: int, dilation: int) -> None:
    torch.manual_seed(0)
    layer = separable(3, 5, stride=stride, dilation=dilation)
    x = torch.randn(2, 3, 9, 8)
    found = layer(x)
    assert found.shape == (2, 5, -(-9 // stride), -(-8 // stride))
    torch.testing.assert_close(found, one_map_at_a_time(x, layer, stride, dilation))


def test_weights() -> None:
    layer = separable(7, 11, 5)
    assert sum(p.numel() for p in layer.parameters()) == 5 * 5 * 7 + 7 * 11
    assert [name for name, _ in layer.named_parameters()] == ["depthwise.weight", "pointwise.weight"]
    assert depthwise(7).weight.shape == (7, 1, 3, 3)
    assert pointwise(7, 11).weight.shape == (11, 7, 1, 1)


@pytest.mark.parametrize(("padding", "expected"), [("symmetric", 4), ("same", 4), ("end", 3)])
def test_padding_is_that_of_the_depthwise_part(padding: Padding, expected: int) -> None:
    assert separable(2, 2, stride=2, padding=padding)(torch.zeros(1, 2, 7, 7)).shape == (1, 2, expected, expected)


def test_same_padding_differs_from_symmetric_on_even_sides() -> None:
    layer, same = separable(1, 1, stride=2), separable(1, 1, stride=2, padding="same")
    same.load_state_dict(layer.state_dict())
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert not torch.equal(layer(x), same(x))
    shifted = (
        conv2d(pad(x, (0, 1, 0, 1)), same.get_parameter("depthwise.weight"), stride=2)
        * same.get_parameter("pointwise.weight")[0, 0]
    )
    torch.testing.assert_close(same(x), shifted)

import pytest
import torch
from torch import nn

from plusx.nn.squeeze_excite import SqueezeExcite


def test_every_map_is_scaled_by_what_its_channels_means_say() -> None:
    torch.manual_seed(0)
    block, x = SqueezeExcite(6, 2), torch.randn(3, 6, 5, 7)
    W_1, W_2 = block.reduce.weight.flatten(1), block.expand.weight.flatten(1)
    z = x.mean((2, 3))
    b_1, b_2 = block.state_dict()["reduce.bias"], block.state_dict()["expand.bias"]
    s = torch.sigmoid((z @ W_1.T + b_1).relu() @ W_2.T + b_2)
    torch.testing.assert_close(block(x), x * s[:, :, None, None])


@pytest.mark.parametrize("side", [1, 2, 9])
def test_without_gradients_the_result_is_the_same_and_stands_where_x_was(side: int) -> None:
    torch.manual_seed(0)
    block, x = SqueezeExcite(4, 1, gate=nn.Hardsigmoid), torch.randn(2, 4, side, side)
    expected = block(x.clone())
    with torch.no_grad():
        found = block(x)
    assert torch.equal(found, expected)
    assert found.data_ptr() == x.data_ptr()


def test_gradients_are_those_of_a_numerical_derivative() -> None:
    torch.manual_seed(0)
    block = SqueezeExcite(3, 2, act=nn.SiLU).double()
    x = torch.randn(2, 3, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(block, (x,))


def test_frozen_layers_leave_a_map_alone_that_needs_gradients() -> None:
    block, x = SqueezeExcite(4, 1).requires_grad_(False), torch.randn(1, 4, 2, 2, requires_grad=True)
    block(x).sum().backward()
    assert x.grad is not None


def test_channels_last_stays_so() -> None:
    x = torch.randn(2, 8, 5, 5).to(memory_format=torch.channels_last)
    block = SqueezeExcite(8, 2).to(memory_format=torch.channels_last)
    assert block(x).is_contiguous(memory_format=torch.channels_last)


def test_parts_have_the_kinds_that_were_asked_for() -> None:
    block = SqueezeExcite(8, 2, act=nn.Hardswish, gate=nn.Hardsigmoid)
    assert [name for name, _ in block.named_children()] == ["pool", "reduce", "act", "expand", "gate"]
    assert isinstance(block.act, nn.Hardswish)
    assert isinstance(block.gate, nn.Hardsigmoid)
    assert isinstance(SqueezeExcite(8, 2).gate, nn.Sigmoid)

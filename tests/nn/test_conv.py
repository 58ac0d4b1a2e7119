import pytest
import torch
from torch import nn

from plusx.nn.conv import Norm, conv, conv_norm, conv_norm_act, named, norm_act, with_bias

NORM = Norm(eps=1.001e-5, momentum=0.01)


@pytest.mark.parametrize("size", [32, 33, 97])
@pytest.mark.parametrize(("kernel", "stride", "dilation"), [(1, 1, 1), (1, 2, 1), (3, 2, 1), (3, 1, 4), (7, 2, 1)])
def test_sides_shrink_by_the_stride_rounded_up(size: int, kernel: int, stride: int, dilation: int) -> None:
    layer = conv(2, 3, kernel, stride=stride, dilation=dilation)
    assert layer(torch.zeros(1, 2, size, size)).shape == (1, 3, -(-size // stride), -(-size // stride))


def test_convolutions_have_no_bias_until_they_are_given_one_that_is_zero() -> None:
    layer = conv(2, 3, 3)
    assert layer.bias is None
    assert with_bias(layer, False).bias is None
    x = torch.randn(1, 2, 5, 5)
    before = layer(x)
    assert with_bias(layer) is layer
    assert [name for name, _ in layer.named_parameters()] == ["weight", "bias"]
    assert torch.equal(layer(x), before)


def test_groups_see_only_their_own_maps() -> None:
    layer = conv(4, 4, 3, groups=2)
    x = torch.randn(1, 4, 6, 6)
    other = x.clone()
    other[:, 2:] = 0
    assert torch.equal(layer(x)[:, :2], layer(other)[:, :2])
    assert not torch.equal(layer(x)[:, 2:], layer(other)[:, 2:])


def test_layers_are_named_after_what_they_do() -> None:
    layers = {
        "conv norm": conv_norm(conv(2, 3, 1)),
        "conv norm act": conv_norm_act(conv(2, 3, 1)),
        "norm act": norm_act(2),
        "b a": named(b=nn.Identity(), a=nn.Identity()),
    }
    for names, layer in layers.items():
        assert [name for name, _ in layer.named_children()] == names.split()


def test_eps_and_momentum_reach_the_normalisation() -> None:
    for layer in (conv_norm(conv(1, 1, 1), NORM), conv_norm_act(conv(1, 1, 1), NORM), norm_act(1, NORM)):
        found = [(part.eps, part.momentum) for part in layer if isinstance(part, nn.BatchNorm2d)]
        assert found == [(1.001e-5, 0.01)]


def test_the_activation_comes_last() -> None:
    x = torch.randn(4, 1, 5, 5)
    normed, activated = conv_norm(conv(1, 1, 1)), conv_norm_act(conv(1, 1, 1))
    activated.load_state_dict(normed.state_dict())
    assert torch.equal(activated(x), normed(x).clamp(min=0))

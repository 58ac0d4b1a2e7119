import math

import pytest
import torch
from torch import nn

from plusx.core.errors import InputError
from plusx.nn.conv import conv, conv_norm, conv_norm_act, named, norm_act, with_bias
from plusx.nn.init import kaiming_fan_out_, zero_residual_
from plusx.nn.residual import Plain, PreActResidual, Residual
from plusx.nn.squeeze_excite import SqueezeExcite


def test_weights_have_the_variance_of_the_fan_out() -> None:
    torch.manual_seed(0)
    layer = conv(64, 256, 3)
    kaiming_fan_out_(layer)
    assert layer.weight.std().item() == pytest.approx(math.sqrt(2 / (9 * 256)), rel=0.01)
    assert layer.weight.mean().abs().item() < 1e-3


def test_biases_and_normalisations_begin_as_nothing() -> None:
    layer = conv_norm_act(with_bias(conv(2, 3, 1)))
    for parameter in layer.parameters():
        nn.init.constant_(parameter, 7)
    kaiming_fan_out_(layer)
    found = {key: value.tolist() for key, value in layer.named_parameters() if key != "conv.weight"}
    assert found == {"conv.bias": [0, 0, 0], "norm.weight": [1, 1, 1], "norm.bias": [0, 0, 0]}


def test_a_zeroed_block_is_its_shortcut() -> None:
    F = named(layer1=conv_norm_act(conv(3, 3, 3)), layer2=conv_norm(conv(3, 3, 3)))
    block = Residual(F, nn.Identity())
    x = torch.rand(2, 3, 5, 5)
    assert not torch.equal(block(x), x)
    zero_residual_(block)
    assert torch.equal(block(x), x)


def test_a_zeroed_preactivated_block_is_its_shortcut() -> None:
    F = named(layer1=conv_norm_act(conv(3, 3, 3)), layer2=named(conv=conv(3, 3, 3)))
    block = PreActResidual(norm_act(3), F, nn.Identity())
    zero_residual_(block)
    x = torch.randn(2, 3, 5, 5)
    assert torch.equal(block(x), x)


def test_a_zeroed_block_with_squeeze_and_excitation_is_its_shortcut() -> None:
    F = named(layer1=conv_norm_act(conv(3, 3, 3)), layer2=conv_norm(conv(3, 3, 3)), se=SqueezeExcite(3, 1))
    block = Residual(F, nn.Identity())
    zero_residual_(block)
    x = torch.rand(2, 3, 5, 5)
    assert torch.equal(block(x), x)
    assert block.get_submodule("F.se.expand").get_parameter("weight").abs().min() > 0


def test_zeroing_needs_residual_blocks() -> None:
    with pytest.raises(InputError, match="zero_init_residual has no effect on a network without residual blocks"):
        zero_residual_(Plain(conv_norm(conv(3, 3, 3))))

import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d

from plusx.nn import pointwise
from plusx.nn.conv import conv, with_bias
from plusx.nn.pointwise import PointwiseConv2d


def pair(bias: bool) -> tuple[PointwiseConv2d, torch.Tensor]:
    torch.manual_seed(0)
    layer = PointwiseConv2d(6, 10)
    with_bias(layer, bias)
    if layer.bias is not None:
        nn.init.normal_(layer.bias)
    return layer, torch.randn(3, 6, 5, 7)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_is_the_convolution(bias: bool, memory_format: torch.memory_format) -> None:
    layer, x = pair(bias)
    ours = x.clone(memory_format=memory_format).requires_grad_()
    theirs = x.clone().requires_grad_()
    weight = layer.weight.detach().clone().requires_grad_()
    y = layer(ours)
    expected = conv2d(theirs, weight, layer.bias)
    y.square().sum().backward()
    expected.square().sum().backward()
    assert y.is_contiguous(memory_format=memory_format)
    torch.testing.assert_close(y, expected)
    torch.testing.assert_close(ours.grad, theirs.grad)
    torch.testing.assert_close(layer.weight.grad, weight.grad)


def test_channels_last_becomes_a_product(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, x = pair(bias=False)
    called = []
    monkeypatch.setattr(pointwise, "linear", lambda *tensors: called.append(tensors) or nn.functional.linear(*tensors))
    layer(x)
    assert not called
    layer(x.contiguous(memory_format=torch.channels_last))
    assert len(called) == 1


def test_only_what_is_a_product_is_one() -> None:
    assert isinstance(conv(4, 8, 1), PointwiseConv2d)
    others = (conv(4, 8, 1, stride=2), conv(4, 8, 1, groups=2), conv(4, 8, 3), conv(4, 8, 3, padding="same", stride=2))
    assert not any(isinstance(other, PointwiseConv2d) for other in others)


def test_a_graph_keeps_the_convolution() -> None:
    layer, x = pair(bias=True)
    program = torch.export.export(layer, (x.contiguous(memory_format=torch.channels_last),))
    called = [node.target for node in program.graph.nodes if node.op == "call_function"]
    assert called == [torch.ops.aten.conv2d.default]


def test_reduced_precision_and_empty_batches() -> None:
    layer, x = pair(bias=True)
    last = x.contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        y = layer(last)
    assert y.dtype == torch.bfloat16
    torch.testing.assert_close(y.float(), layer(x), rtol=0.05, atol=0.05)
    assert layer(last[:0]).shape == (0, 10, 5, 7)

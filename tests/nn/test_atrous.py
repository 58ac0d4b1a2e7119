from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d

from plusx.nn import atrous
from plusx.nn.atrous import AtrousConv2d
from plusx.nn.conv import conv


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("groups", [1, 2, 6])
@pytest.mark.parametrize(("height", "width"), [(4, 4), (4, 9), (9, 4), (5, 5), (1, 1), (1, 30)])
def test_is_the_convolution(height: int, width: int, groups: int, memory_format: torch.memory_format) -> None:
    torch.manual_seed(0)
    layer = AtrousConv2d(6, 12, 4, groups).double()
    ours = torch.randn(2, 6, height, width, dtype=torch.float64).to(memory_format=memory_format).requires_grad_()
    theirs, weight = (part.detach().clone().requires_grad_() for part in (ours, layer.weight))
    expected = conv2d(theirs, weight, padding=4, dilation=4, groups=groups)
    found = layer(ours)
    torch.testing.assert_close(found, expected)
    found.square().sum().backward()
    expected.square().sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad)
    torch.testing.assert_close(layer.weight.grad, weight.grad)


def test_taps_that_see_nothing_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    kernels = []

    def seen(*tensors: Any) -> torch.Tensor:
        kernels.append(tuple(tensors[1].shape[2:]))
        return conv2d(*tensors)

    monkeypatch.setattr(atrous, "conv2d", seen)
    monkeypatch.setattr(atrous, "product", seen)
    layer = AtrousConv2d(2, 2, 4)
    for size in ((5, 5), (4, 5), (5, 4), (4, 4)):
        layer(torch.zeros(1, 2, *size))
    assert kernels == [(1, 3), (3, 1), (1, 1)]


def test_conv_makes_one_where_it_is_one() -> None:
    assert isinstance(conv(4, 8, 3, dilation=2), AtrousConv2d)
    assert isinstance(conv(4, 8, 3, dilation=2, padding="same"), AtrousConv2d)
    others = (conv(4, 8, 3), conv(4, 8, 3, dilation=2, stride=2), conv(4, 8, 3, dilation=2, padding="end"))
    assert not any(isinstance(other, AtrousConv2d) for other in others)
    assert all(isinstance(other, nn.Conv2d) for other in others)

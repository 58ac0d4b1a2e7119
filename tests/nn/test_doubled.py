import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d, interpolate

from plusx.nn.doubled import WORTH, DoubledConv2d


def written_out(x: Tensor, beside: Tensor | None, weight: Tensor) -> Tensor:
    size = [2 * side for side in x.shape[2:]] if beside is None else beside.shape[2:]
    doubled = interpolate(x, size=tuple(size), mode="nearest")
    return conv2d(doubled if beside is None else torch.cat((doubled, beside), dim=1), weight, padding=1)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("beside", [0, 3])
@pytest.mark.parametrize(
    ("height", "width", "longer"),
    [(16, 17, 0), (2, 3, 0), (1, 300, 0), (16, 17, -1)],
    ids=["large", "small", "a line", "not quite double"],
)
def test_is_the_convolution(
    height: int, width: int, longer: int, beside: int, memory_format: torch.memory_format
) -> None:
    torch.manual_seed(0)
    layer = DoubledConv2d(5, beside, 4).double()
    x = torch.randn(2, 5, height, width, dtype=torch.float64).to(memory_format=memory_format)
    other = torch.randn(2, beside, 2 * height + longer, 2 * width + longer, dtype=torch.float64) if beside else None
    ours = [part.clone().requires_grad_() for part in (x, other, layer.weight.detach()) if part is not None]
    theirs = [part.detach().clone().requires_grad_() for part in ours]
    found = torch.func.functional_call(layer, {"weight": ours[-1]}, tuple(ours[:-1]))
    expected = written_out(theirs[0], theirs[1] if beside else None, theirs[-1])
    torch.testing.assert_close(found, expected)
    found.square().sum().backward()
    expected.square().sum().backward()
    for mine, other_grad in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine.grad, other_grad.grad)


def test_large_maps_are_not_doubled(monkeypatch: pytest.MonkeyPatch) -> None:
    doubled = []
    monkeypatch.setattr("plusx.nn.doubled.interpolate", lambda *a, **k: doubled.append(a) or interpolate(*a, **k))
    layer = DoubledConv2d(2, 0, 2)
    layer(torch.zeros(1, 2, 1, WORTH))
    assert not doubled
    layer(torch.zeros(1, 2, 1, WORTH - 1))
    assert len(doubled) == 1


def test_a_graph_of_any_batch_never_doubles() -> None:
    layer = DoubledConv2d(2, 3, 4)
    batch = torch.export.Dim("batch")
    program = torch.export.export(
        layer, (torch.randn(2, 2, 3, 3), torch.randn(2, 3, 6, 6)), dynamic_shapes=({0: batch}, {0: batch})
    )
    x, beside = torch.randn(5, 2, 3, 3), torch.randn(5, 3, 6, 6)
    torch.testing.assert_close(program.module()(x, beside), written_out(x, beside, layer.weight))
    assert not any("upsample" in str(node.target) for node in program.graph.nodes)


def test_reduced_precision() -> None:
    torch.manual_seed(0)
    layer, x = DoubledConv2d(6, 0, 10), torch.randn(2, 6, 20, 20)
    with torch.autocast("cpu", torch.bfloat16):
        y = layer(x)
    assert y.dtype == torch.bfloat16
    torch.testing.assert_close(y.float(), layer(x), rtol=0.05, atol=0.05)

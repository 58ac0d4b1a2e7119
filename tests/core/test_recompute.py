"""Gradient checkpointing: nothing is kept, nothing is changed, and a compiled graph is left alone."""

import torch
from torch import Tensor, nn

from plusx.core.recompute import recomputed


class Counted(nn.Module):
    """A normalised convolution that counts its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return self.norm(self.conv(x)).relu()


def test_the_second_pass_leaves_the_statistics_alone() -> None:
    torch.manual_seed(0)
    module, x = Counted(), torch.randn(2, 3, 8, 8)
    recomputed(module, x).sum().backward()
    assert module.calls == 2
    assert module.norm.num_batches_tracked is not None
    assert int(module.norm.num_batches_tracked) == 1
    assert module.norm.momentum == 0.1
    expected = 0.1 * module.conv(x).mean(dim=(0, 2, 3))
    assert module.norm.running_mean is not None
    torch.testing.assert_close(module.norm.running_mean, expected)


def test_the_statistics_come_back_after_an_error() -> None:
    module = Counted()
    out = recomputed(module, torch.randn(2, 3, 8, 8))
    module.conv.weight = nn.Parameter(torch.zeros(4, 5, 3, 3))  # the second pass cannot run
    try:
        out.sum().backward()
    except RuntimeError as error:
        found = str(error)
    else:
        found = ""
    assert "channels" in found
    assert module.norm.momentum == 0.1
    assert module.norm.num_batches_tracked is not None


def test_a_compiled_graph_decides_by_itself() -> None:
    torch.compiler.reset()
    conv = nn.Conv2d(3, 4, 3)
    x = torch.randn(2, 3, 8, 8)
    compiled = torch.compile(lambda images: recomputed(conv, images), backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), conv(x))

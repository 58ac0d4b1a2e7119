"""What the tests of dense tasks share: networks as after some training, and weights moved in their order."""

import torch
from torch import Tensor, nn


def trained(module: nn.Module) -> nn.Module:
    """The same module with gains, shifts and statistics as after some training."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            assert part.running_mean is not None
            assert part.running_var is not None
            nn.init.uniform_(part.weight, 0.5, 1.0)
            nn.init.normal_(part.bias, std=0.1)
            nn.init.normal_(part.running_mean, std=0.1)
            nn.init.uniform_(part.running_var, 0.5, 1.5)
    return module


def move(source: nn.Module, target: nn.Module) -> None:
    """All tensors, which stand in the same order in both."""
    values = source.state_dict().values()
    target.load_state_dict(dict(zip(target.state_dict(), values, strict=True)))


def assert_same(ours: Tensor, theirs: Tensor, share: float = 1e-5) -> None:
    """No difference above `share` of the largest value."""
    assert ours.shape == theirs.shape
    largest = theirs.detach().abs().max().item()
    assert largest > 0
    torch.testing.assert_close(ours, theirs, rtol=0.0, atol=share * largest)

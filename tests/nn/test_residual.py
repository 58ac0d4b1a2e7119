import torch
from torch import nn

from plusx.nn.conv import conv
from plusx.nn.residual import Plain, PreActProjection, PreActResidual, Residual, Subsample, ZeroChannels


class Times(nn.Module):
    """x ↦ factor · x, so that a sum shows which branches took part."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.factor * x


X = torch.tensor([[[[-2.0, 0.0, 3.0]]]])


def test_residual_is_the_activated_sum() -> None:
    assert torch.equal(Residual(Times(10), nn.Identity())(X), (11 * X).clamp(min=0))
    assert torch.equal(Residual(Times(10), Times(5))(X), (15 * X).clamp(min=0))


def test_plain_has_no_sum() -> None:
    block = Plain(Times(10))
    assert torch.equal(block(X), (10 * X).clamp(min=0))
    assert [name for name, _ in block.named_children()] == ["F", "act"]


def test_preactivated_sum_keeps_x_itself() -> None:
    assert torch.equal(PreActResidual(nn.ReLU(), Times(10), nn.Identity())(X), X + 10 * X.clamp(min=0))


def test_preactivated_projection_sees_the_activated_x() -> None:
    assert torch.equal(PreActProjection(nn.ReLU(), Times(10), Times(5))(X), 15 * X.clamp(min=0))


def test_the_input_is_left_as_it_was() -> None:
    for block in (Residual(Times(10), nn.Identity()), PreActResidual(Times(1), Times(10), nn.Identity())):
        x = X.clone()
        block(x)
        assert torch.equal(x, X)


def test_gradient_of_a_residual_block_contains_one_from_the_shortcut() -> None:
    x = torch.full((1, 1, 2, 2), 0.5, requires_grad=True)
    Residual(Times(0), nn.Identity())(x).sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, torch.ones_like(x))


def test_subsample_takes_what_a_strided_1x1_convolution_takes() -> None:
    x = torch.randn(2, 3, 7, 6)
    identity = conv(3, 3, 1, stride=2)
    identity.weight.data = torch.eye(3)[:, :, None, None]
    assert torch.equal(Subsample(2)(x), identity(x))
    assert Subsample(2)(x).shape == (2, 3, 4, 3)


def test_zero_channels_on_either_side() -> None:
    x = torch.randn(2, 3, 4, 5)
    y = ZeroChannels(1, 2)(x)
    assert torch.equal(y[:, 1:4], x)
    assert y.shape == (2, 6, 4, 5)
    assert y[:, 0].abs().sum() == y[:, 4:].abs().sum() == 0

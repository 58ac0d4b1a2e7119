"""y = F(x) + x: how a block's layers and its shortcut come together.

He et al. 2015, Deep Residual Learning (arXiv 1512.03385), eq. 1 and 2; He et al. 2016, Identity Mappings (arXiv
1603.05027), eq. 1 and section 4.1. All maps are B, C, H, W; F and shortcut give maps of one shape.

The sum is taken in place: into the fresh map that F returns, which saves a twentieth of ResNet-50's training step on a
CPU. An F that returns its own input would therefore change it.
"""

from typing import final

from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, pad


@final
class Residual(nn.Module):
    """y = act(F(x) + shortcut(x)), the unit of He et al. 2015."""

    def __init__(self, F: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.F = F
        self.shortcut = shortcut
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        y = self.F(x)
        y += self.shortcut(x)
        return self.act(y)


@final
class Plain(nn.Module):
    """y = act(F(x)): the same layers without the sum, which the paper compares against."""

    def __init__(self, F: nn.Module) -> None:
        super().__init__()
        self.F = F
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        y = self.F(x)
        return self.act(y)


@final
class PreActResidual(nn.Module):
    """y = F(preact(x)) + shortcut(x), the unit of He et al. 2016: nothing stands on the way from x to y."""

    def __init__(self, preact: nn.Module, F: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.preact = preact
        self.F = F
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        y = self.F(self.preact(x))
        y += self.shortcut(x)
        return y


@final
class PreActProjection(nn.Module):
    """h = preact(x), y = F(h) + shortcut(h): the pre-activated unit whose shortcut is a convolution."""

    def __init__(self, preact: nn.Module, F: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.preact = preact
        self.F = F
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        h = self.preact(x)
        y = self.F(h)
        y += self.shortcut(h)
        return y


@final
class Subsample(nn.Module):
    """Every `stride`-th row and column: the identity for a block that shrinks its map."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return avg_pool2d(x, 1, self.stride)  # as x[:, :, ::stride, ::stride], but export can compare it with F's sizes

    def extra_repr(self) -> str:
        return f"stride={self.stride}"


@final
class ZeroChannels(nn.Module):
    """`before` and `after` channels of zeros around those of x."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.before = before
        self.after = after

    def forward(self, x: Tensor) -> Tensor:
        return pad(x, (0, 0, 0, 0, self.before, self.after))

    def extra_repr(self) -> str:
        return f"before={self.before}, after={self.after}"

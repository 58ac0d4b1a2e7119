"""Average pooling that halves a side, and what it becomes where the halving is traded for dilation."""

from typing import final

from torch import Tensor, nn
from torch.nn.functional import pad

from plusx.nn.strides import Step


@final
class SpreadAvgPool2d(nn.Module):
    """Every point becomes the mean of four: itself and those `dilation` to the right, below, and both. H, W stay.

    Beyond the last row and column these count once more. At every second point of the grid of step `dilation` that is
    what a 2×2 pooling of stride 2 makes of that grid. Such a pooling drops the last row of an odd number of them; here
    it stays, and what lies near it sees more of the image than on the coarse grid.
    """

    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation

    def forward(self, x: Tensor) -> Tensor:
        d = self.dilation
        x = pad(x, (0, d, 0, d), mode="replicate")
        x = x[:, :, :-d] + x[:, :, d:]
        return (x[:, :, :, :-d] + x[:, :, :, d:]) * 0.25

    def extra_repr(self) -> str:
        return f"dilation={self.dilation}"


def halving_average_pool(step: Step) -> nn.Module:
    """2×2 means without overlap, H becomes floor(H / 2); `step`: what became of its stride of 2."""
    return nn.AvgPool2d(2) if step.stride == 2 else SpreadAvgPool2d(step.dilation)

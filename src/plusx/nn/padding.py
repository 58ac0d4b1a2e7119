"""What surrounds a map before a convolution or a pooling looks at it: conventions differ, and so do the results.

"symmetric", torch's and Caffe's: the same number of zeros on all sides. "same", TensorFlow's: just as many as make the
output ceil(H / stride) long, half of them before, the odd one after; with a stride of 2 and an even side that is one
row less above than torch's, so that every later point looks one pixel further down and right. "end": kernel - stride
zeros, all of them after, whatever the side: how Keras' MobileNet pads, whose sides are rounded down where they are odd.

"same" is described in TensorFlow's guide to tf.nn (section "Notes on padding").
"""

from typing import Final, Literal, TypeAlias, final

from torch import Tensor, nn
from torch.nn.functional import conv2d, max_pool2d, pad

Padding: TypeAlias = Literal["symmetric", "same", "end"]
PADDINGS: Final = ("symmetric", "same", "end")


def missing(side: int, reach: int, stride: int, padding: Padding) -> tuple[int, int]:
    """Points to add before and after a side. `reach`: that the spread kernel spans, dilation × (kernel - 1) + 1."""
    if padding == "symmetric":
        return reach // 2, reach // 2
    if padding == "end":
        return 0, reach - stride
    total = (side - 1) // stride * stride + reach - side  # so written, export sees that the output is ceil(H / stride)
    total = total if reach >= stride else max(total, 0)
    return total // 2, total - total // 2


def padded(x: Tensor, reach: int, stride: int, padding: Padding, value: float = 0.0) -> Tensor:
    """x (B, C, H, W) with what is missing on its four sides."""
    top, bottom = missing(x.shape[2], reach, stride, padding)
    left, right = missing(x.shape[3], reach, stride, padding)
    return pad(x, (left, right, top, bottom), value=value)


@final
class PaddedConv2d(nn.Conv2d):
    """A convolution that pads by "same" or "end". Square kernel, stride and dilation; bias as in `nn.Conv2d`."""

    def __init__(
        self, in_channels: int, channels: int, kernel: int, *, stride: int, dilation: int, groups: int, around: Padding
    ) -> None:
        super().__init__(in_channels, channels, kernel, stride, 0, dilation, groups, bias=False)
        self.around: Padding = around
        self.reach = dilation * (kernel - 1) + 1

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (nn.Conv2d calls it so)
        x = padded(input, self.reach, self.stride[0], self.around)
        return conv2d(x, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, around={self.around}"


@final
class PaddedMaxPool2d(nn.Module):
    """A max pooling that pads with what no maximum can be; `dilation` as of a convolution."""

    def __init__(self, kernel: int, stride: int, around: Padding, dilation: int = 1) -> None:
        super().__init__()
        self.kernel, self.stride, self.around, self.dilation = kernel, stride, around, dilation

    def forward(self, x: Tensor) -> Tensor:
        reach = self.dilation * (self.kernel - 1) + 1
        x = padded(x, reach, self.stride, self.around, value=float("-inf"))
        return max_pool2d(x, self.kernel, self.stride, dilation=self.dilation)

    def extra_repr(self) -> str:
        return f"{self.kernel}, stride={self.stride}, around={self.around}, dilation={self.dilation}"


def max_pool(kernel: int, stride: int, padding: Padding = "symmetric", *, dilation: int = 1) -> nn.Module:
    """Kernel odd; H becomes ceil(H / stride), with "end" floor."""
    symmetric = padding == "symmetric" or (padding == "same" and stride == 1)
    if symmetric and dilation == 1:  # nn.MaxPool2d pads by no more than kernel / 2, however far its points are spread
        return nn.MaxPool2d(kernel, stride, kernel // 2)
    return PaddedMaxPool2d(kernel, stride, padding, dilation)

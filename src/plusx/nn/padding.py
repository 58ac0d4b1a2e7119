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
    """Points to add before and after a side. `reach`: points that the spread kernel spans, dilation × (kernel - 1) + 1.

    Not for "symmetric", which layers do by themselves.
    """
    if padding == "end":
        return 0, reach - stride
    total = max((-(-side // stride) - 1) * stride + reach - side, 0)
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
    """A max pooling that pads by "same" or "end", with what no maximum can be."""

    def __init__(self, kernel: int, stride: int, around: Padding) -> None:
        super().__init__()
        self.kernel, self.stride, self.around = kernel, stride, around

    def forward(self, x: Tensor) -> Tensor:
        x = padded(x, self.kernel, self.stride, self.around, value=float("-inf"))
        return max_pool2d(x, self.kernel, self.stride)

    def extra_repr(self) -> str:
        return f"{self.kernel}, stride={self.stride}, around={self.around}"


def max_pool(kernel: int, stride: int, padding: Padding = "symmetric") -> nn.Module:
    """Kernel odd; H becomes ceil(H / stride), with "end" floor."""
    if padding == "symmetric" or (padding == "same" and stride == 1):
        return nn.MaxPool2d(kernel, stride, kernel // 2)
    return PaddedMaxPool2d(kernel, stride, padding)

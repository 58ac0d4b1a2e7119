"""The atrous convolution, whose outer taps see nothing but padding where its rate is as large as the map."""

from typing import final

from torch import Tensor, nn
from torch.nn.functional import conv2d

from plusx.nn.pointwise import product


@final
class AtrousConv2d(nn.Conv2d):
    """A 3×3 convolution of stride 1 without bias, padded so that H and W stay; `dilation`: its rate.

    On a side of the map that is no longer than the rate only the middle taps are computed: what DeepLabV3 (Chen et al.
    2017, section 3.3) names a degenerate 1×1 is computed as one. All others would be multiplied with zeros.
    """

    def __init__(self, in_channels: int, channels: int, dilation: int, groups: int = 1) -> None:
        super().__init__(in_channels, channels, 3, 1, dilation, dilation, groups, bias=False)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (nn.Conv2d calls it so)
        rate = self.dilation[0]
        seen = [slice(1, 2) if side <= rate else slice(None) for side in input.shape[2:]]
        if seen == [slice(None)] * 2:
            return super().forward(input)
        weight = self.weight[:, :, seen[0], seen[1]]
        if weight.shape[2:] == (1, 1) and self.groups == 1:
            return product(input, weight, None)
        around = [rate * (side // 2) for side in weight.shape[2:]]
        return conv2d(input, weight, None, 1, around, rate, self.groups)

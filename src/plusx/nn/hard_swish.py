"""Hard swish: x · ReLU6(x + 3) / 6.

Andrew Howard et al.: Searching for MobileNetV3, 2019, arXiv 1905.02244, section 5.2.
"""

from typing import final

import torch
from torch import Tensor, nn
from torch.nn.functional import hardswish


@final
class HardSwish(nn.Hardswish):
    """In place where no gradients are recorded. Where they are, its derivative needs x as it was, and torch would copy
    all of x before it overwrites it: a pass over the map more than a new map takes."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (nn.Hardswish calls it so)
        return hardswish(input, inplace=not torch.is_grad_enabled())

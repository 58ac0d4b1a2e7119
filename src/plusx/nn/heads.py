"""Heads: from the last feature map to the outputs of a task."""

from collections import OrderedDict
from types import MappingProxyType
from typing import Final

from torch import Tensor, nn

from plusx.core.stage import Hidden
from plusx.nn.conv import HARD_SWISH, RELU

_ACTIVATIONS: Final = MappingProxyType({"relu": RELU, "hard_swish": HARD_SWISH})


class PooledLinear(nn.Module):
    """Global average pooling, dropout, one fully connected layer: the classifier of He et al. 2015, Table 1.

    hidden: a layer that the network's paper has before the dropout; `hidden.fc`, `hidden.act`.
    """

    def __init__(self, channels: int, outputs: int, dropout: float = 0.0, hidden: Hidden | None = None) -> None:
        super().__init__()
        self.hidden: nn.Module = nn.Identity()
        if hidden is not None:
            layer = nn.Linear(channels, hidden.channels)
            self.hidden = nn.Sequential(OrderedDict(fc=layer, act=_ACTIVATIONS[hidden.activation]()))
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(channels if hidden is None else hidden.channels, outputs)

    def forward(self, features: Tensor) -> Tensor:
        """features: B, channels, H, W of any size. Outputs: B, outputs."""
        return self.fc(self.dropout(self.hidden(features.mean(dim=(2, 3)))))

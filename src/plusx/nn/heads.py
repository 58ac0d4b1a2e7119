"""Heads: from the last feature map to the outputs of a task."""

from torch import Tensor, nn


class PooledLinear(nn.Module):
    """Global average pooling, dropout, one fully connected layer: the classifier of He et al. 2015, Table 1."""

    def __init__(self, channels: int, outputs: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(channels, outputs)

    def forward(self, features: Tensor) -> Tensor:
        """features: B, channels, H, W of any size. Outputs: B, outputs."""
        return self.fc(self.dropout(features.mean(dim=(2, 3))))

"""Multi-head attention of tokens among each other: Vaswani et al. 2017 (arXiv 1706.03762), section 3.2."""

from typing import final

from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention


@final
class SelfAttention(nn.Module):
    """Places are added to queries and keys, not to values: Carion et al. 2020, DETR (arXiv 2005.12872), A.3."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.queries, self.keys, self.values, self.output = (nn.Linear(channels, channels) for _ in range(4))
        for layer in (self.queries, self.keys, self.values, self.output):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor, places: Tensor, hidden: Tensor | None = None) -> Tensor:
        """x: (B, N, C); places: of the same shape, or (N, C); hidden: which token may not see which, (N, N)."""
        placed = x + places
        queries, keys = self._split(self.queries(placed)), self._split(self.keys(placed))
        values = self._split(self.values(x))
        seen = None if hidden is None else ~hidden
        return self.output(scaled_dot_product_attention(queries, keys, values, seen).transpose(1, 2).flatten(2))

    def _split(self, x: Tensor) -> Tensor:
        """(B, N, C) -> (B, heads, N, C / heads)."""
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)

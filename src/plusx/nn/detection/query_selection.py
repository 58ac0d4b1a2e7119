"""Where RT-DETR's queries begin: the tokens of all maps whose best class scores highest, with their boxes.

Zhao et al. 2023 (arXiv 2304.08069), section 4.3; that the score says how well the box fits is the losses' doing. A
token's box is moved from one around its point, with sides of 1/20 of the image's on the finest map and twice as much on
every coarser one (the authors' code, github.com/lyuwenyu/RT-DETR).
"""

from typing import Final, final

import torch
from torch import Tensor, nn

from plusx.nn.detection.deformable_attention import Memory
from plusx.nn.detection.deformable_decoder import Answers, move_layers, score_layer

SIDE: Final = 0.05
MARGIN: Final = 0.01
"""Tokens whose first box has a centre or side less than this from 0 or 1 tell nothing (the authors' code)."""


@final
class QuerySelection(nn.Module):
    def __init__(self, channels: int, classes: int, queries: int) -> None:
        super().__init__()
        self.queries = queries
        self.linear, self.norm = nn.Linear(channels, channels), nn.LayerNorm(channels)
        self.score, self.move = score_layer(channels, classes), move_layers(channels)
        nn.init.xavier_uniform_(self.linear.weight)

    def forward(self, memory: Memory) -> tuple[Tensor, Answers]:
        """The chosen tokens (B, Q, C), best first, and what they answer; Q is at most the number of tokens."""
        first, told = first_boxes(memory)
        tokens = self.norm(self.linear(memory.tokens * told))
        logits = self.score(tokens)
        _, chosen = logits.amax(dim=2).topk(min(self.queries, tokens.shape[1]), dim=1)
        tokens, logits = _at(tokens, chosen), _at(logits, chosen)
        boxes = (self.move(tokens).float() + first[chosen]).sigmoid()
        return tokens, Answers(logits.float(), boxes)


def first_boxes(memory: Memory) -> tuple[Tensor, Tensor]:
    """Logits of every token's first box (S, 4), and whether the token tells anything (S, 1); else its box is 1s."""
    levels = zip(memory.grids, memory.extents, strict=True)
    made = [_of_level(grid, extent, SIDE * 2**i, memory.flat.device) for i, (grid, extent) in enumerate(levels)]
    boxes = torch.cat(made)
    told = ((boxes > MARGIN) & (boxes < 1 - MARGIN)).all(dim=1, keepdim=True)
    return torch.where(told, (boxes / (1 - boxes)).log(), torch.finfo(boxes.dtype).max), told


def _of_level(grid: tuple[int, int], extent: tuple[float, float], side: float, device: torch.device) -> Tensor:
    """(h · w, 4): centre and sides in parts of the image's."""
    y, x = ((torch.arange(n, device=device) + 0.5) / n * part for n, part in zip(grid, extent, strict=True))
    ys, xs = torch.meshgrid(y, x, indexing="ij")
    return torch.stack((xs, ys, torch.full_like(xs, side), torch.full_like(xs, side)), dim=-1).flatten(0, 1)


def _at(x: Tensor, places: Tensor) -> Tensor:
    """(B, S, C) at places (B, Q) -> (B, Q, C)."""
    return x.gather(1, places.unsqueeze(-1).expand(-1, -1, x.shape[2]))

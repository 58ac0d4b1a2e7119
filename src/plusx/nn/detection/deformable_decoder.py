"""The decoder of RT-DETR: queries that look at each other and at the maps, and move their boxes layer by layer.

Layers: Zhu et al. 2021, Deformable DETR (arXiv 2010.04159), section 4.1 and "Iterative Bounding Box Refinement" in 4.2.
Queries know their places by a perceptron on their boxes, and a box's loss also trains the layer before: Zhang et al.
2022, DINO (arXiv 2203.03605), sections 3.1 and 3.5 ("look forward twice").
"""

import math
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from plusx.nn.detection.deformable_attention import DeformableAttention, Memory
from plusx.nn.detection.self_attention import SelfAttention

EPS = 1e-5
"""Distance from 0 and 1 that logits of coordinates keep: Deformable DETR's code."""

PRIOR = 0.01
"""Score of every class before training: Lin et al. 2017, Focal Loss (1708.02002), section 4.1."""


@dataclass(frozen=True)
class Answers:
    """logits (B, Q, classes); boxes (B, Q, 4): centre and sides in parts of the image's; both in 32 bits."""

    logits: Tensor
    boxes: Tensor

    def part(self, first: int, number: int) -> "Answers":
        """`number` queries from `first` on."""
        return Answers(self.logits.narrow(1, first, number), self.boxes.narrow(1, first, number))


@final
class Decoder(nn.Module):
    def __init__(
        self, channels: int, heads: int, hidden: int, levels: int, points: int, depth: int, classes: int
    ) -> None:
        super().__init__()
        self.place = perceptron(4, 2 * channels, channels)
        self.layers = nn.ModuleList(Layer(channels, heads, hidden, levels, points) for _ in range(depth))
        self.scores = nn.ModuleList(score_layer(channels, classes) for _ in range(depth))
        self.moves = nn.ModuleList(move_layers(channels) for _ in range(depth))
        for layer in (self.place[0], self.place[2]):
            nn.init.xavier_uniform_(layer.weight)  # type: ignore[arg-type]

    def forward(self, queries: Tensor, boxes: Tensor, memory: Memory, hidden: Tensor | None = None) -> list[Answers]:
        """queries (B, Q, C) and where they begin, boxes (B, Q, 4) 0..1 -> what they answer after every layer.

        hidden: which query may not see which, (Q, Q).
        """
        found, before, boxes = [], boxes.detach(), boxes.detach()
        for layer, score, move in zip(self.layers, self.scores, self.moves, strict=True):
            queries = layer(queries, self.place(boxes), boxes, memory, hidden)
            moves = move(queries).float()
            found.append(Answers(score(queries).float(), (moves + inverse_sigmoid(before)).sigmoid()))
            before = (moves + inverse_sigmoid(boxes)).sigmoid()
            boxes = before.detach()
        return found


@final
class Layer(nn.Module):
    """Attention among the queries, deformable attention to the maps, two fully connected layers."""

    def __init__(self, channels: int, heads: int, hidden: int, levels: int, points: int) -> None:
        super().__init__()
        self.attention = SelfAttention(channels, heads)
        self.cross = DeformableAttention(channels, heads, levels, points)
        self.linear1, self.linear2 = nn.Linear(channels, hidden), nn.Linear(hidden, channels)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(channels) for _ in range(3))

    def forward(self, x: Tensor, place: Tensor, boxes: Tensor, memory: Memory, hidden: Tensor | None) -> Tensor:
        x = self.norm1(x + self.attention(x, place, hidden))
        x = self.norm2(x + self.cross(x + place, boxes, memory))
        return self.norm3(x + self.linear2(relu(self.linear1(x))))


def perceptron(*widths: int) -> nn.Sequential:
    """Fully connected layers with ReLU between them."""
    layers: list[nn.Module] = [nn.Linear(widths[0], widths[1])]
    for i in range(1, len(widths) - 1):
        layers += [nn.ReLU(inplace=True), nn.Linear(widths[i], widths[i + 1])]
    return nn.Sequential(*layers)


def score_layer(channels: int, classes: int) -> nn.Linear:
    """One logit a class, first that of `PRIOR`."""
    layer = nn.Linear(channels, classes)
    nn.init.constant_(layer.bias, -math.log((1 - PRIOR) / PRIOR))
    return layer


def move_layers(channels: int) -> nn.Sequential:
    """Moves of the four logits of a box, first 0."""
    layers = perceptron(channels, channels, channels, 4)
    nn.init.zeros_(layers[-1].weight)  # type: ignore[arg-type]
    nn.init.zeros_(layers[-1].bias)  # type: ignore[arg-type]
    return layers


def inverse_sigmoid(x: Tensor) -> Tensor:
    """log(x / (1 − x)) for x 0..1, both at least `EPS`."""
    x = x.clamp(min=0, max=1)
    return torch.log(x.clamp(min=EPS) / (1 - x).clamp(min=EPS))

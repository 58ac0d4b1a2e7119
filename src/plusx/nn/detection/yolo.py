"""The default detector: one stage, no anchors, every point answers for what is around it.

Points and distances to the four edges: Tian et al. 2019, FCOS (arXiv 1904.01355), section 3.1. Two towers a level, one
for classes and one for boxes, on three levels: Ge et al. 2021, YOLOX (arXiv 2107.08430), section 2.1. Which point
learns which box and how well it should score: TOOD (`task_aligned`). Edges as distributions: `generalized_focal`.
Written from these papers.

Distances are counted from half a stride behind the point: a box that lies in a cell beside its centre, which the
paper's distances from 0 on cannot say, is then exact.
"""

import math
from dataclasses import dataclass
from typing import Literal, final

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from plusx.core.backbone import Features
from plusx.core.errors import InputError, unknown
from plusx.core.stage import Stage
from plusx.nn.conv import conv, conv_norm_act
from plusx.nn.detection.boxes import ciou, clipped, corners_from_distances, distances_from_corners, giou
from plusx.nn.detection.generalized_focal import distribution_focal, expectation, quality_focal
from plusx.nn.detection.grid import Grid
from plusx.nn.detection.task_aligned import Alignment, Assigned, assign
from plusx.nn.init import kaiming_fan_out_
from plusx.nn.pyramid import PAN

PRIOR = 0.01
"""Score of every class at every point before training: Lin et al. 2017, Focal Loss (1708.02002), section 4.1."""

BEHIND = 0.5
"""Strides behind the point at which distances begin."""

FIRST = 2.0
"""Strides from point to edge before training: boxes begin 4 strides wide, as RetinaNet's anchors."""

OVERLAPS = {"giou": giou, "ciou": ciou}


@dataclass(frozen=True)
class YoloConfig:
    """channels: of neck and towers; depth: 3×3 convolutions of a tower; strides: of the levels, each twice the last.

    bins: of the distribution of an edge's distance, a stride apart, so that boxes are at most 2 · (bins − 1.5) times
    the coarsest stride wide; 0: one number an edge, no distribution. candidates: best scores that go on to
    suppression. alignment: see `task_aligned`. gamma: of the classes' loss. overlap: what the boxes' loss is 1 − of.
    box_weight, distribution_weight: Generalized Focal Loss, eq. 7 with its λ0 = 2 and λ1 = 1/4 on each of four edges.
    """

    channels: int = 128
    depth: int = 2
    strides: tuple[int, ...] = (8, 16, 32)
    bins: int = 16
    candidates: int = 1000
    positives: int = 13
    alpha: float = 1.0
    beta: float = 6.0
    gamma: float = 2.0
    overlap: Literal["giou", "ciou"] = "ciou"
    box_weight: float = 2.0
    distribution_weight: float = 1.0

    def __post_init__(self) -> None:
        for name in ("channels", "depth", "candidates", "positives"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} of the yolo head is {getattr(self, name)}; expected 1 or more")
        if self.bins < 0 or self.bins == 1:
            raise InputError(f"bins of the yolo head is {self.bins}; expected 2 or more, or 0 for no distribution")
        if self.overlap not in OVERLAPS:
            raise unknown("overlap of the yolo head", self.overlap, OVERLAPS)


@dataclass(frozen=True)
class _Answers:
    """What the convolutions say at every point: logits (B, P, classes), edges (B, P, 4, bins or 1)."""

    logits: Tensor
    edges: Tensor
    grid: Grid


@final
class _Branch(nn.Module):
    """The tower of one level and what it predicts, of which `bias` is the start."""

    def __init__(self, config: YoloConfig, bias: Tensor) -> None:
        super().__init__()
        layers = (conv_norm_act(conv(config.channels, config.channels, 3)) for _ in range(config.depth))
        self.tower = nn.Sequential(*layers)
        self.predict = conv(config.channels, len(bias), 1)
        kaiming_fan_out_(self.tower)
        nn.init.normal_(self.predict.weight, std=0.01)
        self.predict.bias = nn.Parameter(bias.clone())

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, h, w) -> (B, h · w, outputs)."""
        return self.predict(self.tower(x)).flatten(2).transpose(1, 2)


@final
class Yolo(nn.Module):
    """Neck and head. `PAN` says which backbones will do."""

    def __init__(self, stages: tuple[Stage, ...], classes: int, config: YoloConfig = YoloConfig()) -> None:
        super().__init__()
        self.config = config
        self.classes = classes
        self.neck = PAN(stages, config.channels, config.strides)
        edges = _first_edge(config.bins).repeat(4)
        scores = torch.full((classes,), -math.log((1 - PRIOR) / PRIOR))
        self.scores = nn.ModuleList(_Branch(config, scores) for _ in config.strides)
        self.boxes = nn.ModuleList(_Branch(config, edges) for _ in config.strides)

    def forward(self, features: Features, size: tuple[int, int]) -> Tensor:
        """size: H, W of the images. Candidates (B, K, 6): x1, y1, x2, y2, score 0..1, label, best score first.

        K: `candidates`, or points · classes where those are fewer.
        """
        answers = self._answers(features)
        scores = answers.logits.float().sigmoid().flatten(1)
        best, index = scores.topk(torch.sym_min(self.config.candidates, scores.shape[1]), dim=1)
        point = index // self.classes
        edges = answers.edges.gather(1, point[..., None, None].expand(-1, -1, *answers.edges.shape[2:]))
        boxes = clipped(self._decoded(edges, answers.grid.points[point], answers.grid.strides[point]), size)
        corners = torch.maximum(boxes[..., 2:], boxes[..., :2])
        rest = torch.stack((best, (index % self.classes).to(best.dtype)), dim=-1)
        return torch.cat((boxes[..., :2], corners, rest), dim=-1)

    def losses(self, features: Features, size: tuple[int, int], targets: Tensor) -> dict[str, Tensor]:
        """targets: (B, M, 7) as a batch has them. Scalars "classification", "box" and, with bins, "distribution".

        Classification: the sum over the points of all images, divided by the sum of the target scores. The others: the
        mean over the points with a box, weighted by t over the box's largest t. Divisors are 1 at least.
        """
        answers = self._answers(features)
        logits, grid = answers.logits.float(), answers.grid
        given = self._assigned(answers, targets)
        images, points = (given.rows >= 0).nonzero(as_tuple=True)
        theirs = targets[images, given.rows[images, points]]
        weights = given.shares[images, points] / given.shares.sum().clamp(min=1.0)
        quality = torch.zeros_like(logits)
        quality[images, points, theirs[:, 0].long()] = given.quality[images, points]
        counted = (given.rows >= 0) | given.background
        each = quality_focal(logits, quality, self.config.gamma).sum(dim=2)
        edges = answers.edges[images, points]
        boxes = theirs[:, 1:5].float()
        return {
            "classification": (each * counted).sum() / given.quality.sum().clamp(min=1.0),
            **self._box_losses(edges, grid.points[points], grid.strides[points], boxes, weights),
        }

    @torch.no_grad()
    def _assigned(self, answers: _Answers, targets: Tensor) -> Assigned:
        boxes = self._decoded(answers.edges, answers.grid.points, answers.grid.strides)
        alignment = Alignment(self.config.positives, self.config.alpha, self.config.beta)
        return assign(answers.logits.float().sigmoid(), boxes, answers.grid, targets, alignment)

    def _box_losses(
        self, edges: Tensor, points: Tensor, strides: Tensor, boxes: Tensor, weights: Tensor
    ) -> dict[str, Tensor]:
        """Of N points with a box: edges (N, 4, bins), points (N, 2), boxes (N, 4), weights and strides (N,)."""
        overlap = OVERLAPS[self.config.overlap](self._decoded(edges, points, strides), boxes)
        losses = {"box": self.config.box_weight * ((1 - overlap) * weights).sum()}
        if self.config.bins:
            distances = distances_from_corners(points, boxes) / strides[:, None] + BEHIND
            each = distribution_focal(edges.flatten(0, 1), distances.flatten()).view(-1, 4).mean(dim=1)
            losses["distribution"] = self.config.distribution_weight * (each * weights).sum()
        return losses

    def _answers(self, features: Features) -> _Answers:
        maps = list(self.neck(features).values())
        logits = [branch(x) for branch, x in zip(self.scores, maps, strict=True)]
        edges = [branch(x) for branch, x in zip(self.boxes, maps, strict=True)]
        grid = Grid.of(maps, self.config.strides)
        return _Answers(torch.cat(logits, dim=1), torch.cat(edges, dim=1).unflatten(2, (4, -1)), grid)

    def _decoded(self, edges: Tensor, points: Tensor, strides: Tensor) -> Tensor:
        """edges (..., 4, bins), points (..., 2), strides (...) -> boxes (..., 4) in 32 bits."""
        distances = expectation(edges) if self.config.bins else softplus(edges.squeeze(-1).float())
        return corners_from_distances(points, (distances - BEHIND) * strides[..., None])


def _first_edge(bins: int) -> Tensor:
    """The bias of one edge whose distance is about `FIRST`: logits of a geometric distribution, or one number."""
    mean = FIRST + BEHIND
    if not bins:
        return torch.tensor([math.log(math.expm1(mean))])
    return -torch.arange(bins) * math.log1p(1 / mean)

"""RT-DETR: queries that answer for one object each, so that nothing is left to suppress.

Yian Zhao, Wenyu Lv, Shangliang Xu, Jinman Wei, Guanzhong Wang, Qingqing Dang, Yi Liu, Jie Chen: DETRs Beat YOLOs on
Real-time Object Detection, 2023, arXiv 2304.08069. Maps of strides 8, 16 and 32 go through `hybrid_encoder`, tokens of
them are chosen by `query_selection`, `deformable_decoder` makes objects of these. Written from this paper and those
that its parts name.

Where strides do not divide an image's sides, all maps are laid on the image at their strides; the authors stretch each
to the image.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

import torch
from torch import Tensor, nn

from plusx.core.backbone import Features
from plusx.core.errors import InputError
from plusx.core.stage import Stage
from plusx.nn.conv import conv, conv_norm
from plusx.nn.detection.boxes import clipped, corners_from_centres
from plusx.nn.detection.deformable_attention import Memory
from plusx.nn.detection.deformable_decoder import Answers, Decoder
from plusx.nn.detection.denoising import Noised, hidden, noised, pairs_of
from plusx.nn.detection.ground_truth import Truth, of_images
from plusx.nn.detection.hybrid_encoder import HybridEncoder
from plusx.nn.detection.maps import at_strides
from plusx.nn.detection.matching import Objects, Pairs, matched, sides
from plusx.nn.detection.query_selection import QuerySelection
from plusx.nn.detection.set_losses import outside_ignored, set_losses

STRIDES: Final = (8, 16, 32)


@dataclass(frozen=True)
class RTDETRConfig:
    """The values are those of RT-DETR-R50; RT-DETR-R18 has depth 3 and expansion 0.5.

    channels: of all maps and queries; hidden: of the layers inside the transformers'; expansion: of the encoder's
    fusion blocks; depth: layers of the decoder; points: that a head looks at on a map. denoising: queries with little
    noise, and as many with much; 0: none.
    """

    channels: int = 256
    heads: int = 8
    hidden: int = 1024
    expansion: float = 1.0
    depth: int = 6
    points: int = 4
    queries: int = 300
    denoising: int = 100

    def __post_init__(self) -> None:
        for name in ("channels", "heads", "hidden", "depth", "points", "queries"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} of RT-DETR is {getattr(self, name)}; expected 1 or more")
        if self.channels % 4 or self.channels % self.heads:
            raise InputError(
                f"channels of RT-DETR is {self.channels}; expected a multiple of 4 and of {self.heads} heads"
            )
        if int(self.channels * self.expansion) < 1:
            raise InputError(f"expansion of RT-DETR is {self.expansion}; expected {1 / self.channels:g} or more")
        if self.denoising < 0:
            raise InputError(f"denoising of RT-DETR is {self.denoising}; expected 0 or more")


@final
class RTDETR(nn.Module):
    """For backbones with maps of strides 8, 16 and 32: of several with one stride the last is taken.

    Raises InputError where one is missing.
    """

    def __init__(self, stages: tuple[Stage, ...], classes: int, config: RTDETRConfig = RTDETRConfig()) -> None:
        super().__init__()
        taken, sizes = at_strides(stages, STRIDES, "RT-DETR"), (config.channels, config.heads, config.hidden)
        self.config, self.classes = config, classes
        self.maps = tuple(stage.name for stage in taken)
        self.encoder = HybridEncoder([stage.channels for stage in taken], *sizes, config.expansion)
        self.project = nn.ModuleList(conv_norm(conv(config.channels, config.channels, 1)) for _ in taken)
        self.selection = QuerySelection(config.channels, classes, config.queries)
        self.decoder = Decoder(*sizes, len(taken), config.points, config.depth, classes)
        if config.denoising:
            self.labels = nn.Embedding(classes + 1, config.channels, padding_idx=classes)

    def forward(self, features: Features, size: tuple[int, int]) -> Tensor:
        """features: of images of `size` (H, W) -> candidates (B, K, 6): x1, y1, x2, y2 (pixels), score 0..1, class.

        K: `queries`, or the number of points of all maps where that is less. A query may stand for two classes.
        """
        memory = self._memory(features, size)
        tokens, first = self.selection(memory)
        answers = self.decoder(tokens, first.boxes, memory)[-1]
        scores = answers.logits.sigmoid().flatten(1)
        best, place = scores.topk(tokens.shape[1], dim=1)
        query = torch.div(place, self.classes, rounding_mode="floor")
        boxes = answers.boxes.gather(1, query.unsqueeze(-1).expand(-1, -1, 4))
        boxes = clipped(corners_from_centres(boxes) * sides(size, boxes.device), size)
        return torch.cat((boxes, best.unsqueeze(-1), (place % self.classes).unsqueeze(-1).to(best.dtype)), dim=-1)

    def losses(self, features: Features, size: tuple[int, int], targets: Tensor) -> dict[str, Tensor]:
        """targets: (B, M, 7) as in `ground_truth` -> classification, l1, giou and, with `denoising`, denoising.

        Sums over the chosen tokens' answers and those after every layer of the decoder, divided by the number of
        objects in the batch; denoising: all three of the noisy queries, divided by the number of groups as well.
        """
        truths = of_images(targets)
        objects, memory = Objects.of(truths, size), self._memory(features, size)
        some = objects.drawn(self.config.queries)
        noise = self._noise(some)
        tokens, first = self.selection(memory)
        noisy, answers = self._decoded(tokens.detach(), first.boxes, memory, noise)
        number = max(1, sum(objects.counts))
        found = [(one, matched(one, objects)) for one in (*answers, first)]
        losses = {name: loss / number for name, loss in _summed(found, objects, truths, size).items()}
        if not self.config.denoising:
            return losses
        if noise is None:
            return losses | {"denoising": self.labels.weight.sum() * 0.0}
        again = pairs_of(some, noise.groups)
        parts = _summed([(one, again) for one in noisy], some, truths, size)
        total = torch.stack([*parts.values()]).sum()
        return losses | {"denoising": total / max(1, sum(some.counts)) / noise.groups}

    def _noise(self, objects: Objects) -> Noised | None:
        wanted = self.config.denoising > 0 and any(objects.counts)
        return noised(objects, self.classes, self.config.denoising) if wanted else None

    def _memory(self, features: Features, size: tuple[int, int]) -> Memory:
        maps = self.encoder([features[name] for name in self.maps])
        return Memory.of([project(x) for project, x in zip(self.project, maps, strict=True)], STRIDES, size)

    def _decoded(
        self, tokens: Tensor, boxes: Tensor, memory: Memory, noise: Noised | None
    ) -> tuple[list[Answers], list[Answers]]:
        """What the noisy queries and the others answer after every layer."""
        if noise is None:
            return [], self.decoder(tokens, boxes, memory)
        N, queries = noise.labels.shape[1], tokens.shape[1]
        tokens = torch.cat((self.labels(noise.labels).to(tokens.dtype), tokens), dim=1)
        boxes = torch.cat((noise.boxes, boxes), dim=1)
        every = self.decoder(tokens, boxes, memory, hidden(noise, queries))
        return [one.part(0, N) for one in every], [one.part(N, queries) for one in every]


def _summed(
    found: Sequence[tuple[Answers, Pairs]], objects: Objects, truths: Sequence[Truth], size: tuple[int, int]
) -> dict[str, Tensor]:
    """The losses of several layers' answers together; what lies in ignored boxes is not taught to be nothing."""
    parts = [set_losses(one, objects, pairs, outside_ignored(one, truths, size)) for one, pairs in found]
    return {name: torch.stack([part[name] for part in parts]).sum() for name in parts[0]}

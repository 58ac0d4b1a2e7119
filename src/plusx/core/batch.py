"""Batch: what the engine moves to its device and gives to a task."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from plusx.core.view import View


@dataclass(frozen=True)
class Batch:
    """`images`: B, C, H, W, uint8 (0..255) from a loader, float after normalisation.

    `targets`: class indices (B,) int64; class probabilities or multi-label 0/1 (B, classes) float32; values
    (B, K) float64; boxes (B, M, 7) float32, a row each: label, x1, y1, x2, y2 in pixels of `images`, 1 where ignored,
    area in the image itself, filled up with rows of -1; masks (B, H, W) uint8, class indices, 255 where nothing counts;
    masks of several classes at once (B, classes, H, W) uint8, 0, 1 or 255; None when the data set has none. `names`:
    one per image. `indices`: (B,) int64, positions of the samples in their split. `views`: how the input shows each
    image; empty where that was drawn at random. `total`: images of the batch over all processes that share it; None:
    these are all. `stages`: of the backbone, that `images` have been through already: then they are the maps of the
    last of these.
    """

    images: Tensor
    targets: Tensor | None
    names: tuple[str, ...]
    indices: Tensor
    views: tuple[View, ...] = ()
    total: int | None = None
    stages: int = 0

    def __len__(self) -> int:
        return len(self.images)

    @property
    def whole(self) -> int:
        """Images of the batch over all processes."""
        return len(self) if self.total is None else self.total

    def to(self, device: torch.device, memory_format: torch.memory_format = torch.contiguous_format) -> "Batch":
        """On `device`; the copy does not wait where memory is pinned. MPS has values in float32 only."""
        images = self.images.to(device, non_blocking=True, memory_format=memory_format)
        targets = self.targets
        if targets is not None:
            too_wide = device.type == "mps" and targets.dtype == torch.float64
            targets = (targets.float() if too_wide else targets).to(device, non_blocking=True)
        return replace(self, images=images, targets=targets)

    def parts(self, most: int) -> "list[Batch]":
        """As few as there can be of at most `most` images each, of equal size as nearly as possible, in order."""
        count = max(1, -(-len(self) // most))
        bounds = [len(self) * number // count for number in range(count + 1)]
        return [self._part(slice(begin, end)) for begin, end in itertools.pairwise(bounds)] if count > 1 else [self]

    def _part(self, place: slice) -> "Batch":
        targets = None if self.targets is None else self.targets[place]
        images, names, indices, views = self.images[place], self.names[place], self.indices[place], self.views[place]
        return Batch(images, targets, names, indices, views, stages=self.stages)


class Request(NamedTuple):
    """One batch to be made: samples by index, and how often each has come before in this epoch.

    `epoch`: whose draws the pictures are made with. `whole`: images of the batch over all processes that share it.
    """

    epoch: int
    indices: tuple[int, ...]
    repeats: tuple[int, ...]
    whole: int


class Batches(Protocol):
    """A source of batches whose order is a function of (seed, epoch) alone, so that a run can go on at any step."""

    def __len__(self) -> int:
        """Batches in one epoch."""
        ...

    def epoch(self, number: int, start: int = 0) -> Iterator[Batch]:
        """The batches of epoch `number` (from 0), from batch `start` on."""
        ...


class Requested(Batches, Protocol):
    """A source of batches that can be asked for some of them, and for what is known without their images."""

    def requests(self, number: int, start: int = 0) -> Sequence[Request]:
        """What epoch `number` consists of, from batch `start` on."""
        ...

    def read(self, requests: Sequence[Request]) -> Iterator[Batch]:
        """Those batches."""
        ...

    def without_images(self, request: Request) -> Batch:
        """Its targets, names and indices; `images` are empty: (B, 0). For targets that do not depend on the view."""
        ...

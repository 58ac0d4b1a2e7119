"""Large images cut into overlapping windows, whose class probabilities are blended. Needs no torch.

Each window is an image of its own to the model. Its probabilities count by a weight that falls towards its edges, where
the model knows least of what lies around, and the class with the largest sum is taken. Only the rows that windows still
to come will touch are held as numbers: classes × height of a window × width of the image × 4 bytes.
"""

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from plusx.core.card import Card
from plusx.core.errors import InputError

Tile: TypeAlias = Literal["auto", "whole"] | int
Size: TypeAlias = tuple[int, int]
"""Height and width in pixels."""

STRIPE = 16
"""Rows that are worked on at a time."""

SILENT_SECONDS = 10.0
"""Between two words about how far an image is."""

log = logging.getLogger("plusx")


@dataclass(frozen=True)
class Tiling:
    """How an image is shown to a model of masks.

    `tile`: "whole": at once, however large. A number: in windows of that many pixels a side. "auto": in windows as
    large as the largest image of the model's training, where the image is larger than that and the model knows it.
    `overlap`: the least share of a window that the next one shows again, 0 to below 1.
    """

    tile: Tile = "auto"
    overlap: float = 0.25

    def __post_init__(self) -> None:
        if not 0 <= self.overlap < 1:
            raise InputError(f"overlap {self.overlap} must be at least 0 and less than 1")
        if isinstance(self.tile, int) and self.tile < 1:
            raise InputError(f"tile {self.tile} must be at least 1 pixel, 'auto' or 'whole'")

    def window(self, card: Card, height: int, width: int) -> Size | None:
        """Of the windows of an image of that size; None where it is shown whole."""
        side = _side(self.tile, card)
        if side is None or (height <= side[0] and width <= side[1]):
            return None
        return min(height, side[0]), min(width, side[1])


WHOLE = Tiling("whole")


class Scorer(Protocol):
    """Where and how a model computes."""

    def shares(self, images: NDArray[np.uint8], weights: Any) -> Any:
        """B, H, W, C → class probabilities (B, K, H, W), times `weights` (H, W)."""
        ...

    def held(self, array: NDArray[np.float32]) -> Any:
        """The same numbers where `shares` has its own."""
        ...

    def chosen(self, sums: Any) -> NDArray[np.uint8]:
        """K, H, W → the index of the largest (H, W)."""
        ...


def blended(
    scorer: Scorer,
    image: NDArray[np.uint8],
    window: Size,
    overlap: float,
    *,
    batch_size: int,
    progress: Callable[[int, int], None],
) -> NDArray[np.uint8]:
    """Class indices (H, W) of `image` (H, W, C), at most `batch_size` windows at a time.

    progress: called with the number of windows that are done, and that of all.
    """
    (height, width), (rows, columns) = image.shape[:2], window
    tops, lefts = starts(height, rows, overlap), starts(width, columns, overlap)
    weights = scorer.held(np.outer(bell(rows), bell(columns)).astype(np.float32))
    mask, done = np.empty((height, width), np.uint8), 0
    sums: Any = None
    for top, following in pairwise((*tops, height)):
        for first in range(0, len(lefts), batch_size):
            some = lefts[first : first + batch_size]
            images = np.stack([image[top : top + rows, left : left + columns] for left in some])
            shares = scorer.shares(images, weights)
            if sums is None:
                sums = scorer.held(np.zeros((shares.shape[1], rows, width), np.float32))
            for left, own in zip(some, shares, strict=True):
                sums[:, :, left : left + columns] += own
            done += len(some)
            progress(done, len(tops) * len(lefts))
        mask[top:following] = scorer.chosen(sums[:, : following - top])
        _move_up(sums, following - top)
    return mask


def starts(length: int, window: int, overlap: float) -> list[int]:
    """Where windows begin that cover `length` pixels, as evenly as whole pixels allow: the first at 0, the last ends
    with the image."""
    step = max(1, math.floor(window * (1 - overlap)))
    gaps = math.ceil((length - window) / step)
    return [0] + [number * (length - window) // gaps for number in range(1, gaps + 1)]


def bell(length: int) -> NDArray[np.float64]:
    """Hann's window at the centres of `length` pixels: sin² from nearly 0 at the edges to 1, positive everywhere."""
    return np.sin(np.pi * (np.arange(length) + 0.5) / length) ** 2


def weighted_softmax(scores: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Over the classes of (B, K, H, W), times (H, W), in place; by stripes that stay in the processor's cache."""
    for one in scores:
        for top in range(0, one.shape[1], STRIPE):
            stripe = one[:, top : top + STRIPE]
            stripe -= stripe.max(axis=0)
            np.exp(stripe, out=stripe)
            stripe *= weights[top : top + STRIPE] / stripe.sum(axis=0)
    return scores


def largest(sums: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The index of the largest (first) of the classes in (K, H, W); twice as fast as argmax over a first axis."""
    most = sums.max(axis=0)
    found = np.zeros(most.shape, np.uint8)
    for index in reversed(range(len(sums))):
        np.putmask(found, sums[index] == most, index)
    return found


def teller(name: str) -> Callable[[int, int], None]:
    """Says every SILENT_SECONDS on the log how many windows of the image `name` are done."""
    began = told = time.monotonic()

    def tell(done: int, windows: int) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told >= SILENT_SECONDS and done < windows:
            told = now
            left = (now - began) * (windows - done) / done
            log.info("%s: %d of %d windows, about %.0f s left", name, done, windows, left)

    return tell


def _side(tile: Tile, card: Card) -> Size | None:
    """Of a window, before it is cut to the image. Padded images are shown at the same scale whichever side is long."""
    if isinstance(tile, int):
        return tile, tile
    if tile == "whole" or card.largest_image is None:
        return None
    return (max(card.largest_image),) * 2 if card.input.fit == "pad" else card.largest_image


def _move_up(sums: Any, rows: int) -> None:
    """`rows` leave at the top, zeros come in below. In steps that do not overlap, since torch's arrays may not."""
    height = sums.shape[1]
    for top in range(0, height, rows):
        moved = sums[:, top + rows : top + 2 * rows]
        sums[:, top : top + moved.shape[1]] = moved
    sums[:, max(0, height - rows) :] = 0

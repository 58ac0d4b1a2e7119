"""Which pictures of a data set look alike though their pixels differ. Needs no torch.

Two looks: perceptual hashes that differ in few bits, then a fit of one miniature to the other, which sees colours and
what the bits leave out. Pictures of nearly one colour are like nothing. `docs/decisions/duplicates.md` has the
thresholds and what they let through.

The fit explains the one miniature J by the other, I, with another brightness and contrast, and moved and stretched a
little, as a crop is (Lucas and Kanade 1981, with x, y from the middle, from -1 to 1):

    J ≈ a I + b + (u + p x) ∂I/∂x + (v + q y) ∂I/∂y

The share of J's variance that this explains is R². Colours are fitted together: another hue is another picture.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from plusx.data.inspection.appearance import MINIATURE
from plusx.data.inspection.facts import Facts
from plusx.data.inspection.neighbours import Alike, Indices, near_pairs
from plusx.data.linking import linked

LEAST_CORRELATION: Final = 0.8
"""Of two miniatures below which they are not alike without a fit."""

CLEAR_CORRELATION: Final = 0.99
"""From which on they are: brightness and contrast alone then explain 0.98."""

LEAST_EXPLAINED: Final = 0.98
"""R² from which on two pictures are alike, whichever of them is explained by the other."""

_AT_ONCE = 1 << 12  # pairs whose miniatures are compared in one go
_STABLE = 1e-3  # added to the diagonal of the normal equations, for pictures without slopes
_INNER = slice(1, MINIATURE - 1)  # the rim's slopes are one-sided
_PLACES = (np.arange(MINIATURE, dtype=np.float32)[_INNER, None] - (MINIATURE - 1) / 2) / (MINIATURE / 2)


@dataclass(frozen=True)
class Likeness:
    """`pictures`: for each different picture the places where it stands. `pairs`: of pictures that look alike."""

    pictures: Sequence[Sequence[int]]
    pairs: Indices

    def groups(self, wanted: Callable[[int, int], bool]) -> list[list[int]]:
        """Places of pictures that are linked, directly or over others, by pairs of which `wanted` is true; ordered."""
        links = [(a, b) for a, b in self.pairs.tolist() if wanted(a, b)]
        return [sorted(place for member in group for place in self.pictures[member]) for group in linked(links)]


def likeness(facts: Sequence[Facts]) -> Likeness:
    """Of readable images; those whose pixels are equal are one picture."""
    pictures: dict[bytes, list[int]] = {}
    for place, one in enumerate(facts):
        if one.phash:
            pictures.setdefault(one.pixels, []).append(place)
    places = list(pictures.values())
    first = [facts[places_of_one[0]] for places_of_one in places]
    hashes = np.frombuffer(b"".join(one.phash for one in first), ">u8").astype(np.uint64)
    return Likeness(places, near_pairs(hashes, second_look([one.miniature for one in first])))


def second_look(miniatures: Sequence[bytes]) -> Alike:
    """Compares pictures by their miniatures."""
    values = np.frombuffer(b"".join(miniatures), np.uint8).reshape(len(miniatures), MINIATURE, MINIATURE, 3)

    def alike(first: Indices, second: Indices) -> NDArray[np.bool]:
        portions = range(0, len(first), _AT_ONCE)
        agreed = [_alike(values[first[p : p + _AT_ONCE]], values[second[p : p + _AT_ONCE]]) for p in portions]
        return np.concatenate(agreed)

    return alike


def _alike(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.bool]:
    """Pair by pair. Fits are made only where the correlation does not decide already."""
    alike = _correlation(one, other)
    unsure = np.flatnonzero((alike >= LEAST_CORRELATION) & (alike < CLEAR_CORRELATION))
    agreed = alike >= CLEAR_CORRELATION
    if len(unsure):
        a, b = _smooth(one[unsure]), _smooth(other[unsure])
        agreed[unsure] = np.minimum(_explained(a, b), _explained(b, a)) >= LEAST_EXPLAINED
    return agreed


def _correlation(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.floating]:
    a, b = (_centred(each.reshape(len(each), -1).astype(np.float32)) for each in (one, other))
    return _dot(a, b) / np.sqrt(np.maximum(_dot(a, a) * _dot(b, b), _STABLE))


def _smooth(miniatures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Times 16, with weights 1, 2, 1 in both directions, so that slopes tell what a shift of less than a pixel does."""
    padded = np.pad(miniatures.astype(np.float32), ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    rows = padded[:, :-2] + padded[:, 1:-1] + padded[:, 1:-1] + padded[:, 2:]
    smooth = rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 1:-1] + rows[:, :, 2:]
    return smooth.astype(np.float32, copy=False)


def _explained(source: NDArray[np.float32], wanted: NDArray[np.float32]) -> NDArray[np.float64]:
    """R² of each of `wanted` (N, 16, 16, 3) by its `source`: 1 where the fit leaves nothing."""
    down = (source[:, 2:, _INNER] - source[:, :-2, _INNER]) / 2
    right = (source[:, _INNER, 2:] - source[:, _INNER, :-2]) / 2
    images = (source[:, _INNER, _INNER], right, down, right * _PLACES, down * _PLACES[:, None])
    terms = [_centred(image.reshape(len(source), -1).astype(np.float32, copy=False)) for image in images]
    target = _centred(wanted[:, _INNER, _INNER].reshape(len(source), -1))
    normal = np.stack([np.stack([_dot(a, b) for b in terms], axis=1) for a in terms], axis=1).astype(np.float64)
    shared = np.stack([_dot(term, target) for term in terms], axis=1).astype(np.float64)
    weights = np.linalg.solve(normal + _STABLE * np.eye(len(terms)), shared[:, :, None])[:, :, 0]
    return (weights * shared).sum(axis=1) / np.maximum(_dot(target, target), _STABLE)


def _centred(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return (rows - rows.mean(axis=1, keepdims=True)).astype(np.float32, copy=False)


def _dot(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    """Row by row."""
    return np.einsum("ij,ij->i", one, other)

"""Masks from outlines: COCO's polygons and run lengths (Lin et al. 2014, cocodataset.org/#format-data)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from plusx.core.errors import DataError
from plusx.core.masks import VOID, LazyMask, Mask, Masks

Outline: TypeAlias = tuple[NDArray[np.float32], ...]
"""Polygons, (N, 2) x, y in pixels from the upper left corner of the picture; together one region."""


Window: TypeAlias = tuple[slice, slice]


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """Numbers of pixels outside and inside of the region in turn, column by column."""

    counts: NDArray[np.int64]
    size: tuple[int, int]  # height, width


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """What is painted with one value: a class index, or 255 (void)."""

    value: int
    shape: Outline | Runs


@dataclass(frozen=True, slots=True, eq=False)
class MaskRegions(LazyMask):
    """Regions painted in their order over class `background`. name: of the image, for errors."""

    size: tuple[int, int]  # height, width
    regions: tuple[Region, ...]
    background: int = 0
    name: str = ""

    def load(self) -> Mask:
        """DataError for run lengths of another size."""
        values = np.full(self.size, self.background, np.uint8)
        for region in self.regions:
            for window, inside in _parts(region.shape, self.size, self.name):
                values[window][inside] = region.value
        return Mask(values)


@dataclass(frozen=True, slots=True, eq=False)
class Layered:
    """A region of class `index`; `void`: its pixels are not to be counted for that class, where no other has it."""

    index: int
    shape: Outline | Runs
    void: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class RegionLayers(LazyMask):
    """Regions of `classes` classes, each in the layer of its own. name: of the image, for errors."""

    size: tuple[int, int]  # height, width
    classes: int
    regions: tuple[Layered, ...]
    name: str = ""

    def load(self) -> Masks:
        """DataError for run lengths of another size."""
        values = np.zeros((self.classes, *self.size), np.uint8)
        for region in sorted(self.regions, key=lambda region: not region.void):
            layer = values[region.index]
            for window, inside in _parts(region.shape, self.size, self.name):
                layer[window][inside] = VOID if region.void else 1
        return Masks(values)


def shape_of(segmentation: Any, size: tuple[int, int], name: str) -> Outline | Runs:
    """COCO's `segmentation`: polygons [[x, y, x, y, …], …] or {"size": [height, width], "counts": list or text}.

    DataError, with `name` before it, for anything else.
    """
    if isinstance(segmentation, Mapping):
        return _runs(segmentation, name)
    if isinstance(segmentation, Sequence) and not isinstance(segmentation, str):
        return tuple(_polygon(numbers, name) for numbers in segmentation)
    raise DataError(f"{name}: segmentation is {_cut(segmentation)}; expected polygons or run lengths as in COCO.")


def _polygon(numbers: Any, name: str) -> NDArray[np.float32]:
    try:
        flat = np.array(numbers, dtype=np.float32)
    except (TypeError, ValueError, OverflowError):
        flat = np.empty((0, 0), np.float32)
    if flat.ndim != 1 or len(flat) % 2 or not np.isfinite(flat).all():
        raise DataError(f"{name}: polygon {_cut(numbers)}; expected x, y, x, y, … in pixels, an even number of them.")
    return flat.reshape(-1, 2)


def _runs(segmentation: Mapping[str, Any], name: str) -> Runs:
    counts, size = segmentation.get("counts"), segmentation.get("size")
    try:
        height, width = (int(length) for length in size or ())
        numbers = _decompressed(counts) if isinstance(counts, (str, bytes)) else np.array(counts, dtype=np.int64)
        if numbers.ndim == 1 and (numbers >= 0).all() and int(numbers.sum()) == height * width:
            return Runs(numbers, (height, width))
    except (TypeError, ValueError, OverflowError, IndexError):
        pass
    raise DataError(
        f"{name}: run lengths {_cut(counts)} of size {_cut(size)}; expected a height and a width, and counts (a list, "
        "or text as pycocotools writes it) whose sum is their product."
    )


def _cut(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _decompressed(text: str | bytes) -> NDArray[np.int64]:
    """Run lengths from COCO's text: 5 bits a character above 48, lowest first, 32 says that more follow; negative
    numbers by their sign bit. From the fourth on, differences to the number two places before.
    """
    counts: list[int] = []
    number = shift = 0
    for byte in text.encode("ascii") if isinstance(text, str) else text:
        bits = byte - 48
        if not 0 <= bits < 64:
            raise ValueError(text)
        number |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        number -= (1 << shift) if bits & 16 else 0
        counts.append(number + (counts[-2] if len(counts) > 2 else 0))
        number = shift = 0
    if shift:
        raise ValueError(text)
    return np.array(counts, dtype=np.int64)


def filled(shape: Outline | Runs, size: tuple[int, int], name: str = "") -> NDArray[np.bool_]:
    """(H, W) bool, whether a pixel belongs to the region. DataError if run lengths are of another size."""
    inside = np.zeros(size, np.bool_)
    for window, part in _parts(shape, size, name):
        inside[window] |= part
    return inside


def _parts(shape: Outline | Runs, size: tuple[int, int], name: str) -> Iterator[tuple[Window, NDArray[np.bool_]]]:
    """Windows of the image and which of their pixels belong to the region; nothing outside of them does."""
    if not isinstance(shape, Runs):
        yield from (_filled_polygon(polygon, size) for polygon in shape)
        return
    if shape.size != size:
        found, expected = (f"{width}×{height}" for height, width in (shape.size, size))
        raise DataError(f"{name}: run lengths of {found} pixels for an image of {expected}; they must be equal.")
    yield from _filled_runs(shape)


def _filled_runs(shape: Runs) -> Iterator[tuple[Window, NDArray[np.bool_]]]:
    """The columns that the runs reach, and of these the rows; nothing for a region without pixels."""
    height, ends = shape.size[0], np.cumsum(shape.counts)
    full = np.flatnonzero(shape.counts[1::2]) * 2 + 1  # runs inside
    if not len(full):
        return
    left, right = int(ends[full[0] - 1]) // height, -(-int(ends[full[-1]]) // height)
    counts = np.diff(ends.clip(left * height, right * height), prepend=left * height)
    columns = np.repeat(np.arange(len(counts)) % 2 == 1, counts).reshape(right - left, height)
    rows = np.flatnonzero(columns.any(axis=0))
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    yield (slice(top, bottom), slice(left, right)), columns[:, top:bottom].T


def _filled_polygon(polygon: NDArray[np.float32], size: tuple[int, int]) -> tuple[Window, NDArray[np.bool_]]:
    """The pixels whose centres lie inside, by the even-odd rule: every edge that a row crosses turns what follows."""
    (left, right), (top, bottom) = (_extent(polygon[:, axis], size[1 - axis]) for axis in (0, 1))
    height, width = bottom - top, right - left
    x1, y1 = (polygon.astype(np.float64) - (left, top)).T
    x2, y2 = np.roll(x1, -1), np.roll(y1, -1)
    ends = (np.minimum(y1, y2), np.maximum(y1, y2))
    low, high = (np.clip(np.ceil(y - 0.5), 0, height).astype(np.int64) for y in ends)
    rows = high - low  # that each edge crosses at their centres
    edge = np.repeat(np.arange(len(x1)), rows)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(rows) - rows, rows) + low[edge]
    crossing = x1[edge] + (row + 0.5 - y1[edge]) * (x2 - x1)[edge] / (y2 - y1)[edge]
    column = np.clip(np.ceil(crossing - 0.5), 0, width).astype(np.int64)
    turns = np.bincount(row * (width + 1) + column, minlength=height * (width + 1)).reshape(height, width + 1)
    return (slice(top, bottom), slice(left, right)), np.cumsum(turns, axis=1)[:, :width] % 2 == 1


def _extent(coordinates: NDArray[np.float32], length: int) -> tuple[int, int]:
    """The pixels of an axis that are reached, first and beyond the last."""
    if not len(coordinates):
        return 0, 0
    first, last = np.clip((np.floor(coordinates.min()), np.ceil(coordinates.max())), 0, length)
    return int(first), int(last)

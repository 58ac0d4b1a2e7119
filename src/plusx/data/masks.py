"""From a mask file, or an array, to a class index for every pixel. Values are looked up, never interpolated."""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from plusx.core.errors import DataError
from plusx.core.masks import VOID, LazyMask, Mask, Masks
from plusx.data.images import decoded_whole, file_bytes, printable
from plusx.data.orientation import upright
from plusx.data.pixels import as_array

MaskSource: TypeAlias = Path | Any | Callable[[], Any]
"""A file; bytes of one; an array, tensor or PIL image in memory; or a function that returns one of these."""

Colour: TypeAlias = tuple[int, int, int]
"""Red, green, blue, 0..255."""

IN_MEMORY = "mask in memory"

SHOWN = 3
"""Unknown values that an error names."""

_MODES = ("1", "P", "L", "I", "F", "I;16", "I;16L", "I;16B", "I;16N", "RGB", "RGBA", "RGBX")
"""Pillow's modes whose array is what is stored."""


def read_stored(source: MaskSource, name: str = IN_MEMORY) -> NDArray[Any]:
    """(H, W) integers as they are stored: indices of a palette, grey values of any depth, 0 and 1 of 1 bit; (H, W, 3)
    uint8 RGB of a mask in colours. RGB whose three channels are equal everywhere is grey.

    The picture is turned as its EXIF orientation says, as images are. `name` is that of a source without a path.
    DataError names the mask if it cannot be read or holds numbers that are not whole.
    """
    return _read(source, _stored, _stored_array, name)


def read_values(source: MaskSource, name: str = IN_MEMORY) -> NDArray[Any]:
    """As `read_stored`, (H, W) alone: DataError for a mask in colours."""
    stored = read_stored(source, name)
    if stored.ndim == 3:
        colours = [written(colour) for colour in colour_counts(stored)]
        raise DataError(
            f"{name_of(source, name)}: a mask in {len(colours)} colours ({', '.join(colours[:SHOWN])}, …); expected "
            "one value a pixel. Say which colour is which class in a table classes.csv with the columns name, r, g, b."
        )
    return stored


def read_colours(source: MaskSource, name: str = IN_MEMORY) -> NDArray[np.uint8]:
    """(H, W, 3) RGB; palettes and grey values become the colours they stand for, transparency is left out."""
    return _read(source, lambda image, depth: np.array(image.convert("RGB")), _three_channels, name)


def name_of(source: MaskSource, name: str) -> str:
    """How errors call a mask: its path, or `name` where it has none."""
    return printable(os.fspath(source)) if isinstance(source, (str, os.PathLike)) else name


def _read(
    source: MaskSource,
    of_image: Callable[[Image.Image, int], NDArray[Any]],
    of_array: Callable[[NDArray[Any]], NDArray[Any]],
    name: str,
) -> NDArray[Any]:
    while callable(source):
        source = source()
    if isinstance(source, (str, os.PathLike)):
        name, source = file_bytes(Path(source))
    if isinstance(source, bytes):
        return decoded_whole(source, name, lambda image, data: of_image(upright(image), _depth(data)))
    try:
        return of_image(upright(source), 8) if isinstance(source, Image.Image) else of_array(as_array(source))
    except DataError as error:
        raise DataError(f"{name}: {error}") from error


def _depth(data: bytes) -> int:
    """Bits of a pixel in a PNG (IHDR: signature 8, length 4, kind 4, width 4, height 4); 8 in other files."""
    return data[24] if data.startswith(b"\x89PNG\r\n\x1a\n") else 8


def _stored(image: Image.Image, depth: int) -> NDArray[Any]:
    if image.mode == "L" and depth in (2, 4):
        return np.array(image) // np.uint8(255 // (2**depth - 1))  # Pillow stretches them to 0..255
    if image.mode in ("LA", "PA"):
        return np.array(image)[:, :, 0]
    if image.mode in _MODES:
        return _stored_array(np.array(image))
    raise DataError(f"a mask of mode {image.mode}; expected a palette, grey values of 1 to 16 bits, or RGB.")


def _stored_array(array: NDArray[Any]) -> NDArray[Any]:
    if array.ndim == 3 and array.shape[2] in (1, 3, 4):
        grey = array.shape[2] == 1 or (array[:, :, 1:3] == array[:, :, :1]).all()
        array = array[:, :, 0] if grey else _three_channels(array)
    elif array.ndim != 2:
        raise DataError(f"a mask of shape {array.shape}; expected one value a pixel (H, W), or colours (H, W, 3).")
    if array.dtype.kind == "b":
        return array.astype(np.uint8)
    return _whole(array) if array.dtype.kind == "f" else array


def _whole(array: NDArray[Any]) -> NDArray[np.int64]:
    broken = array[~(np.isfinite(array) & (array == np.rint(array)))]
    if broken.size:
        raise DataError(
            f"{broken.size} mask values are no whole numbers, e.g. {broken[0]:g}; expected the number of a class for "
            "every pixel. Was the mask resized with interpolation?"
        )
    return array.astype(np.int64)


def _three_channels(array: NDArray[Any]) -> NDArray[np.uint8]:
    grey = array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 1)
    if grey:
        array = np.repeat(array.reshape(*array.shape[:2], 1), 3, axis=2)
    if array.ndim != 3 or array.shape[2] not in (3, 4) or array.dtype != np.uint8:
        raise DataError(f"a mask of type {array.dtype} and shape {array.shape}; expected uint8 colours (H, W, 3).")
    return array[:, :, :3]


def _packed(colours: NDArray[Any]) -> NDArray[np.int32]:
    """(…, 3) → one number a colour."""
    red, green, blue = (colours[..., channel].astype(np.int32) for channel in range(3))
    return red << 16 | green << 8 | blue


def _colour(number: int) -> Colour:
    return number >> 16, number >> 8 & 255, number & 255


def written(value: int | Colour) -> str:
    """A value or colour as messages and class names have it: `7`, `#80ff00`."""
    return f"#{bytes(value).hex()}" if isinstance(value, tuple) else str(value)


class Coding(ABC):
    """What the pixels of a mask file mean."""

    @abstractmethod
    def indices(self, source: MaskSource, name: str) -> NDArray[np.uint8]:
        """(H, W) class indices, 255 for void. `name`: how errors call the mask."""


@dataclass(frozen=True, slots=True)
class Values(Coding):
    """Pairs (value, class index), the index 255 for void. The value 255 is void unless it has a pair of its own."""

    table: tuple[tuple[int, int], ...]

    def indices(self, source: MaskSource, name: str) -> NDArray[np.uint8]:
        return _looked_up(read_values(source, name), {VOID: VOID, **dict(self.table)}, int, name)


@dataclass(frozen=True, slots=True)
class Colours(Coding):
    """Pairs (colour, class index), the index 255 for void."""

    table: tuple[tuple[Colour, int], ...]

    def indices(self, source: MaskSource, name: str) -> NDArray[np.uint8]:
        known = {int(_packed(np.array(colour))): index for colour, index in self.table}
        return _looked_up(_packed(read_colours(source, name)), known, _colour, name)


@dataclass(frozen=True, slots=True)
class Instances(Coding):
    """0 is background, every other value an object: classes background and foreground.

    With `boundary` > 0 the classes are background, inside and boundary: pixels of an object that have one of another
    object no more than `boundary` pixels away, in rows and in columns.
    """

    boundary: int = 0

    def indices(self, source: MaskSource, name: str) -> NDArray[np.uint8]:
        objects = read_values(source, name).astype(np.int64)
        inside = objects != 0
        if not self.boundary:
            return inside.astype(np.uint8)
        highest, lowest = objects, np.where(inside, objects, np.iinfo(np.int64).max)
        for axis in (0, 1):
            highest = _within(highest, axis, self.boundary, 0, np.maximum)
            lowest = _within(lowest, axis, self.boundary, np.iinfo(np.int64).max, np.minimum)
        touching = inside & ((highest != objects) | (lowest != objects))
        return inside.astype(np.uint8) + touching


def _within(values: NDArray[np.int64], axis: int, reach: int, outside: int, fold: np.ufunc) -> NDArray[np.int64]:
    """`fold` (maximum or minimum) over all values of the axis no more than `reach` away."""
    length = values.shape[axis]
    padded = np.pad(values, [(reach, reach) if axis == a else (0, 0) for a in range(2)], constant_values=outside)
    places = (slice(start, start + length) for start in range(2 * reach + 1))
    return reduce(fold, (padded[place] if axis == 0 else padded[:, place] for place in places))


def value_counts(values: NDArray[Any]) -> dict[int, int]:
    """Pixels of every value that occurs."""
    if values.dtype in (np.uint8, np.uint16):  # twenty times as fast as sorting
        counts = np.bincount(values.ravel())
        return {int(value): int(counts[value]) for value in np.flatnonzero(counts)}
    return dict(zip(*(column.tolist() for column in np.unique(values, return_counts=True)), strict=True))


def colour_counts(colours: NDArray[np.uint8]) -> dict[Colour, int]:
    """Pixels of every colour that occurs; colours: (H, W, 3)."""
    return {_colour(number): count for number, count in value_counts(_packed(colours)).items()}


def _looked_up(
    values: NDArray[Any], known: dict[int, int], meant: Callable[[int], int | Colour], name: str
) -> NDArray[np.uint8]:
    """The class index of every value. DataError naming those that have none and their pixels."""
    keys = np.array(sorted(known), dtype=np.int64)
    if values.dtype == np.int32 and keys[-1] < 1 << 31:
        keys = keys.astype(np.int32)  # half the time of a search that has to convert
    indices = np.array([known[key] for key in keys.tolist()], dtype=np.uint8)
    every = np.arange(np.iinfo(values.dtype).max + 1) if values.dtype in (np.uint8, np.uint16) else values
    place = np.searchsorted(keys, every).clip(max=len(keys) - 1)
    strange, found = keys[place] != every, indices[place]
    if every is not values:  # looked up once a value, not once a pixel
        strange, found = strange[values], found[values]
    if strange.any():
        counts = sorted(value_counts(values[strange]).items(), key=lambda item: (-item[1], item[0]))
        raise DataError(_without_class(counts, [*map(meant, sorted(known))], meant, name))
    return found


def _without_class(
    found: Sequence[tuple[int, int]], known: Sequence[int | Colour], meant: Callable[[int], int | Colour], name: str
) -> str:
    pixels = sum(count for _, count in found)
    listed = ", ".join(f"{written(meant(value))} ({count} pixels)" for value, count in found[:SHOWN])
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    values = "value has" if len(found) == 1 else "values have"
    some = ", ".join(map(written, known[:10])) + (", …" if len(known) > 10 else "")
    return (
        f"{name}: {len(found)} {values} no class, in {pixels} pixels: {listed}{more}. Values with a class, or void: "
        f"{some}. Add what is missing to the table of classes, or set those pixels to {VOID} (not to be counted)."
    )


@dataclass(frozen=True, slots=True)
class MaskFile(LazyMask):
    """A mask that `load` reads and decodes. name: how errors call a source without a path."""

    source: MaskSource
    coding: Coding
    name: str = IN_MEMORY

    def load(self) -> Mask:
        """DataError naming the file, if it cannot be read or holds a value without a class."""
        return Mask(self.coding.indices(self.source, name_of(self.source, self.name)))


@dataclass(frozen=True, slots=True)
class MaskLayers(LazyMask):
    """A mask file for every class, whose coding gives 1 where the class is; None where an image has none of it.

    size: (height, width) of the image.
    """

    layers: tuple[MaskFile | None, ...]
    size: tuple[int, int]

    def load(self) -> Masks:
        """DataError naming the file that cannot be read, or holds what is neither the class nor its absence."""
        empty = np.zeros(self.size, np.uint8)
        return Masks(np.stack([empty if layer is None else layer.load().values for layer in self.layers]))

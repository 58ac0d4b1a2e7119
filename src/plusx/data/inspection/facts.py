"""What one full reading tells about an image. Needs no torch."""

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from plusx.core.errors import DataError, OutOfMemoryError
from plusx.data.images import decoded, read_image, shown
from plusx.data.inspection.appearance import Appearance, appearance
from plusx.data.inspection.damage import find_damage, first_missing_row
from plusx.data.inspection.encoding import Encoding, encoding_of
from plusx.data.inspection.jpeg import Scans, check_scans, find_scans, with_noise, without_end

IN_MEMORY = "image in memory"

UNREADABLE = ("missing", "unreadable", "cut-off", "constant-tail")
"""The problems for which an image is left out."""

_LESS_MEMORY = "Close other programs, leave the image out with --exclude, or use a smaller copy of it."


@dataclass(frozen=True, slots=True)
class Facts:
    """`digest`: sha256 of the file, or of the pixels of an array in memory.

    `height`, `width`: upright, 0 where unreadable. `problem`: "" or one of UNREADABLE, with its `detail`.
    `grey_rows`: rows at the bottom that are wholly mid-grey. `pixels`, `phash`, `miniature`: an `Appearance`, by which
    equal and nearly equal pictures are found, however they are stored. `format` to `orientation`: an `Encoding`.
    """

    digest: str = ""
    height: int = 0
    width: int = 0
    problem: str = ""
    detail: str = ""
    grey_rows: int = 0
    pixels: bytes = b""
    phash: bytes = b""
    miniature: bytes = b""
    format: str = ""
    mode: str = ""
    bits: int = 8
    frames: int = 1
    orientation: int = 1


class Known(ABC):
    """A source of an image that may know the facts of an earlier reading."""

    @abstractmethod
    def facts(self) -> Facts | None: ...


class _Picture(NamedTuple):
    """A file decoded once. pixels: H, W, 3, upright."""

    pixels: NDArray[np.uint8]
    appearance: Appearance
    encoding: Encoding


def inspect_file(path: str) -> Facts:
    """Reads and decodes all of a file. Never raises for what is in it."""
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        return Facts(problem="missing", detail="there is no such file")
    except OSError as error:
        return Facts(problem="unreadable", detail=f"could not be read: {error.strerror or error}")
    try:
        return _inspect(data)
    except MemoryError as error:
        raise OutOfMemoryError(f"Out of memory while {path} was read. {_LESS_MEMORY}") from error


def _inspect(data: bytes) -> Facts:
    digest = hashlib.sha256(data).hexdigest()
    try:
        return _facts(digest, *_decode(data))
    except DataError as error:
        return _damaged(digest, data, error)


def _decode(data: bytes) -> tuple[_Picture, str]:
    """The picture and "", or what says that not all of it is there. Progressive and damaged files are decoded twice."""
    scans = check_scans(find_scans(data), IN_MEMORY)
    if scans is None:
        return _picture(data), ""
    if scans.progressive or len(scans.ends) > 1:
        picture = _picture(data)
        other = with_noise(data, *scans.ends)
        whole = np.array_equal(picture.pixels, decoded(other, "", lambda image: shown(image, other, "RGB")))
        return picture, "" if whole else _tail(data, scans)
    try:
        return _picture(without_end(data, scans.ends[0])), ""
    except DataError:
        return _picture(data), _tail(data, scans)


def _picture(data: bytes) -> _Picture:
    def look(image: Image.Image) -> _Picture:
        stored = encoding_of(image, data)
        pixels = shown(image, data, "RGB")
        as_shown = image.mode == "RGB" and stored.orientation == 1 and not image.has_transparency_data
        return _Picture(pixels, appearance(image if as_shown else Image.fromarray(pixels), pixels), stored)

    return decoded(data, IN_MEMORY, look)


def _tail(data: bytes, scans: Scans) -> str:
    end = scans.ends[-1]
    missing = first_missing_row(data, end)
    rest = f"the rest, from row {missing[0]} of {missing[1]} on," if missing else "the rest"
    return f"its data end early, at byte {end}, and the decoder filled {rest} with one colour"


def inspect_memory(source: NDArray[Any] | Callable[[], Any] | Any) -> Facts:
    """Reads an image that is no file of its own; where it turns out to be one, or the bytes of one, as `inspect_file`.

    Functions of the user's own data set may raise anything: it becomes a problem. OutOfMemoryError does not: what does
    not fit into memory now is no damaged image.
    """
    try:
        while callable(source):
            source = source()
        if isinstance(source, (str, os.PathLike)):
            return inspect_file(os.fspath(source))
        if isinstance(source, bytes):
            return _inspect(source)
        pixels = read_image(source)
    except MemoryError as error:
        if isinstance(error, OutOfMemoryError):
            raise
        raise OutOfMemoryError(f"Out of memory while an image was read. {_LESS_MEMORY}") from error
    except Exception as error:
        return Facts(problem="unreadable", detail=str(error) or type(error).__name__)
    digest = hashlib.sha256(repr(pixels.shape).encode())
    digest.update(pixels.data)
    picture = _Picture(pixels, appearance(Image.fromarray(pixels), pixels), Encoding())
    return _facts(digest.hexdigest(), picture, "")


def _facts(digest: str, picture: _Picture, tail: str) -> Facts:
    height, width, _ = picture.pixels.shape
    problem = "constant-tail" if tail else ""
    grey = grey_rows(picture.pixels)
    return Facts(digest, height, width, problem, tail, grey, *picture.appearance, *picture.encoding)


def _damaged(digest: str, data: bytes, error: DataError) -> Facts:
    text = str(error).removeprefix(f"{IN_MEMORY}: ").rstrip(".")
    if "truncated" not in text and "cut off" not in text:
        return Facts(digest, problem="unreadable", detail=text)
    damage = find_damage(data)
    if damage is None:
        return Facts(digest, problem="cut-off", detail=text)
    detail = f"{text}; {damage.place}" if damage.place else text
    return Facts(digest, problem="cut-off" if damage.cut else "unreadable", detail=detail)


def grey_rows(pixels: NDArray[np.uint8]) -> int:
    """Rows at the bottom in which every value lies in 126..130: what JPEG decoders put where data are missing.

    Looks further only where the last row is grey, so that ordinary images cost one row.
    """
    if _other_than_grey(pixels[-1:])[0]:
        return 0
    differs = _other_than_grey(pixels)
    return int(np.argmax(differs[::-1])) if differs.any() else len(pixels)


def _other_than_grey(rows: NDArray[np.uint8]) -> NDArray[np.bool]:
    """H, W, C → H."""
    return np.max(np.abs(rows.astype(np.int16) - 128), axis=(1, 2)) > 2

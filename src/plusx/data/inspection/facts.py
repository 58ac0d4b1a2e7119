"""What one full reading tells about an image. Needs no torch."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plusx.core.errors import DataError
from plusx.data.images import read_image
from plusx.data.inspection.jpeg import find_scans, with_noise, without_end

UNREADABLE = ("missing", "unreadable", "cut-off", "constant-tail")
"""The problems for which an image is left out."""

_TAIL_DETAIL = "its data end early and the decoder filled the rest with one colour"


@dataclass(frozen=True, slots=True)
class Facts:
    """`digest`: sha256 of the file, or of the pixels of an array in memory; images with the same one are the same.

    `height`, `width`: upright, 0 where unreadable. `problem`: "" or one of UNREADABLE, with its `detail`.
    `grey_rows`: rows at the bottom that are wholly mid-grey.
    """

    digest: str = ""
    height: int = 0
    width: int = 0
    problem: str = ""
    detail: str = ""
    grey_rows: int = 0


def inspect_file(path: str) -> Facts:
    """Reads and decodes all of a file. Never raises for what is in it."""
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        return Facts(problem="missing", detail="there is no such file")
    except OSError as error:
        return Facts(problem="unreadable", detail=f"could not be read: {error.strerror or error}")
    return _inspect(data)


def _inspect(data: bytes) -> Facts:
    digest = hashlib.sha256(data).hexdigest()
    try:
        return _facts(digest, *_decode(data))
    except DataError as error:
        return _damaged(digest, error)


def _decode(data: bytes) -> tuple[NDArray[np.uint8], bool]:
    """The pixels and whether they are all there. Progressive and damaged files are decoded twice."""
    scans = find_scans(data) if data.startswith(b"\xff\xd8") else None
    if scans is None:
        return read_image(data), True
    if scans.progressive or len(scans.ends) > 1:
        pixels = read_image(data)
        return pixels, np.array_equal(pixels, read_image(with_noise(data, scans.ends[-1])))
    try:
        return read_image(without_end(data, scans.ends[0])), True
    except DataError:
        return read_image(data), False


def inspect_memory(source: NDArray[Any] | Callable[[], Any] | Any) -> Facts:
    """Reads an image that is no file of its own; where it turns out to be one, or the bytes of one, as `inspect_file`.

    Functions of the user's own data set may raise anything: it becomes a problem.
    """
    try:
        while callable(source):
            source = source()
        if isinstance(source, (str, os.PathLike)):
            return inspect_file(os.fspath(source))
        if isinstance(source, bytes):
            return _inspect(source)
        pixels = read_image(source)
    except Exception as error:
        return Facts(problem="unreadable", detail=str(error) or type(error).__name__)
    digest = hashlib.sha256(repr(pixels.shape).encode())
    digest.update(pixels.data)
    return _facts(digest.hexdigest(), pixels, complete=True)


def _facts(digest: str, pixels: NDArray[np.uint8], complete: bool) -> Facts:
    height, width, _ = pixels.shape
    problem, detail = ("", "") if complete else ("constant-tail", _TAIL_DETAIL)
    return Facts(digest, height, width, problem, detail, grey_rows(pixels))


def _damaged(digest: str, error: DataError) -> Facts:
    text = str(error).removeprefix("image in memory: ").rstrip(".")
    return Facts(digest, problem="cut-off" if "truncated" in text or "cut off" in text else "unreadable", detail=text)


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

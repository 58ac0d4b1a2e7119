"""Training images kept decoded, and no larger than training needs them: the second epoch reads pixels, not files.

Each image has its place in one file, known beforehand from its size. A checksum a row says whether it is there and
whole, so that neither a kill nor a power cut leaves half an image that is taken for a whole one. Several processes may
write, for they write the same. Needs no torch.
"""

import math
import os
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from plusx.core.errors import StorageError
from plusx.core.storage import open_sized, write_at

Pixels: TypeAlias = NDArray[np.uint8]

_ABSENT: Final = 0


class Kept(NamedTuple):
    """Size of an image in the store, in pixels."""

    height: int
    width: int


def kept_size(height: int, width: int, side: int) -> Kept:
    """The shorter side becomes `side`, unless it is no longer than that."""
    share = min(1.0, side / min(height, width))
    return Kept(max(1, round(height * share)), max(1, round(width * share)))


class KeptPixels:
    """Of images of known `sizes` (height, width), shrunk to a shorter `side`; `channels`: 3, or 1 for grey.

    May be handed to other processes; each opens the files for itself.
    """

    def __init__(self, directory: Path, sizes: Sequence[tuple[int, int]], side: int, channels: int) -> None:
        self.directory, self.side, self.channels = directory, side, channels
        self._sizes = np.array([kept_size(*size, side) for size in sizes], dtype=np.int64)
        counts = self._sizes.prod(axis=1) * channels
        self._places = np.concatenate([np.zeros(1, np.int64), counts.cumsum()])
        self._files: _Files | None = None
        self._verified = np.zeros(len(sizes), dtype=bool)
        self._given_up = False

    @property
    def bytes(self) -> int:
        """Of all images together."""
        return int(self._places[-1])

    def reduction(self, height: int, width: int) -> int:
        """1, 2, 4 or 8: how much smaller a JPEG may be decoded and still be shrunk to its kept size."""
        spare = min(height, width) / self.side / 1.5
        return next(factor for factor in (8, 4, 2, 1) if spare >= factor or factor == 1)

    def image(self, index: int, read: Callable[[], Pixels]) -> tuple[Pixels, str]:
        """The image (H, W, C) at its kept size, from the store or, shrunk, from `read`; and what is to be said of it.

        What cannot be written is said once in each process, and from then on nothing is kept.
        """
        if (found := self._found(index)) is not None:
            return found, ""
        pixels = shrunk(read(), Kept(*self._sizes[index].tolist()))
        return pixels, self._keep(index, pixels)

    def close(self) -> None:
        """Gives back this process's files."""
        if self._files is not None and self._files.process == os.getpid():
            self._files.close()
        self._files = None

    def _opened(self) -> "_Files":
        """Raises StorageError."""
        if self._files is None or self._files.process != os.getpid():
            self._files = _Files(self.directory, len(self._sizes), self.bytes)
        return self._files

    def _found(self, index: int) -> Pixels | None:
        if self._given_up:
            return None
        try:
            files = self._opened()
        except StorageError:
            return None  # writing will say so
        checksum = int(files.checksums[index])
        if checksum == _ABSENT:
            return None
        begin, end = self._places[index : index + 2]
        row = files.pixels[begin:end]
        if not self._verified[index]:
            if _checksum(row) != checksum:
                return None
            self._verified[index] = True
        return np.array(row).reshape(*self._sizes[index], self.channels)

    def _keep(self, index: int, pixels: Pixels) -> str:
        if self._given_up:
            return ""
        try:
            files = self._opened()
            write_at(files.pixel_file, pixels.tobytes(), int(self._places[index]))
            checksum = np.array([_checksum(pixels.reshape(-1))], dtype=np.uint32)
            write_at(files.checksum_file, checksum.tobytes(), 4 * index)
        except (OSError, StorageError) as error:
            self._given_up = True
            reason = getattr(error, "strerror", None) or error
            return f"decoded images could not be kept in {self.directory} ({reason}); they are decoded in every epoch"
        return ""

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_files": None}


class _Files:
    """Those of one process."""

    def __init__(self, directory: Path, rows: int, size: int) -> None:
        self.process = os.getpid()
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self.pixel_file = open_sized(directory / "pixels", size)
            self.checksum_file = open_sized(directory / "checksums", 4 * rows)
            self.pixels = np.memmap(directory / "pixels", np.uint8, "r", shape=(size,))
            self.checksums = np.memmap(directory / "checksums", np.uint32, "r", shape=(rows,))
            os.utime(directory)  # used now: the last to be taken away
        except (OSError, ValueError) as error:
            raise StorageError(f"{directory}: {error}") from error

    def close(self) -> None:
        """After it, nothing can be written."""
        for handle in (self.pixel_file, self.checksum_file):
            os.close(handle)


def shrunk(image: Pixels, size: Kept) -> Pixels:
    """At another size, with an antialiasing filter; as it is where it has that size."""
    if image.shape[:2] == tuple(size):
        return image
    grey = image.shape[2] == 1
    picture = Image.fromarray(image[:, :, 0] if grey else image)
    found = np.asarray(picture.resize((size.width, size.height), Image.Resampling.BILINEAR))
    return found[:, :, None] if grey else found


def side_for(input_side: int, least_share: float, ratio: tuple[float, float] = (1.0, 1.0)) -> int:
    """Pixels of the shorter side at which no crop of `least_share` of the area has to be enlarged, whatever its width
    over its height, between the two of `ratio`."""
    narrow = min(ratio[0], 1 / ratio[1], 1.0)
    return math.ceil(input_side / math.sqrt(least_share * narrow))


def _checksum(row: NDArray[np.uint8]) -> int:
    return zlib.crc32(np.ascontiguousarray(row).data) or 1

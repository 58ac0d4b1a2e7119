"""Decoding a JPEG straight to a half, a quarter or an eighth of its size, for training only. Needs no torch.

The decoder then computes only the low frequencies of each 8×8 block. On 12-megapixel photos this is several times
faster than a full decode; `benchmarks/loading.py` measures both the gain and the difference of the pixels.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from plusx.core.errors import DataError
from plusx.core.sample import ImageSource
from plusx.data.fast_jpeg import fast_jpeg
from plusx.data.images import Mode, decoded, file_bytes, read_image, shown
from plusx.data.inspection.jpeg import check_scans, find_scans, without_end
from plusx.data.orientation import LYING, turn_of

_WORTHWHILE = 1 << 16  # bytes; a smaller file has few pixels, and is decoded whole


def read_reduced(
    source: ImageSource, mode: Mode, factor_for: Callable[[int, int], int]
) -> tuple[NDArray[np.uint8], int]:
    """The image as `read_image` gives it, or at 1/2, 1/4, 1/8 of its size, and the factor it was divided by.

    factor_for: called with height and width of the upright picture; only for JPEG files of 64 KiB and more. Raises as
    `read_image` does, but for JPEGs of several scans whose last one is not whole: the audit has left those out, and to
    find them takes a second decoding.
    """
    while callable(source):
        source = source()
    if isinstance(source, (Path, bytes)):
        try:
            return _read_file(source, mode, factor_for)
        except DataError:  # whatever is wrong, read_image says it better
            pass
    return read_image(source, mode), 1


def _read_file(
    source: Path | bytes, mode: Mode, factor_for: Callable[[int, int], int]
) -> tuple[NDArray[np.uint8], int]:
    name, data = ("image in memory", source) if isinstance(source, bytes) else file_bytes(source)
    size, factor = len(data), 1

    def factor_of(height: int, width: int) -> int:
        return factor_for(height, width) if size >= _WORTHWHILE else 1

    if mode == "RGB" and (found := fast_jpeg(data, factor_of)) is not None:
        return found
    scans = check_scans(find_scans(data), name)
    if scans is not None and not scans.progressive and len(scans.ends) == 1:
        data = without_end(data, scans.ends[0])

    def prepare(image: Image.Image) -> None:
        nonlocal factor
        factor = factor_of(*_upright_size(image)) if image.format in ("JPEG", "MPO") else 1
        if factor > 1:
            image.draft(None, (image.width // factor, image.height // factor))

    return decoded(data, name, lambda image: shown(image, data, mode), prepare), factor


def _upright_size(image: Image.Image) -> tuple[int, int]:
    lying = turn_of(image) in LYING
    return (image.width, image.height) if lying else (image.height, image.width)

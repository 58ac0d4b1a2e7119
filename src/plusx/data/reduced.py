"""Decoding a JPEG straight to a half, a quarter or an eighth of its size, for training only. Needs no torch.

The decoder then computes only the low frequencies of each 8×8 block. On 12-megapixel photos this is several times
faster than a full decode; `benchmarks/loading.py` measures both the gain and the difference of the pixels.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from plusx.core.sample import ImageSource
from plusx.data.images import Mode, read_image
from plusx.data.quiet import quiet_pillow

_WORTHWHILE = 1 << 16  # bytes; a smaller file has few pixels, and looking at its size first would cost more
_LYING = (5, 6, 7, 8)  # EXIF orientations that swap height and width


def read_reduced(
    source: ImageSource, mode: Mode, factor_for: Callable[[int, int], int]
) -> tuple[NDArray[np.uint8], int]:
    """The image as `read_image` gives it, or at 1/2, 1/4, 1/8 of its size, and the factor it was divided by.

    factor_for: called with height and width of the upright picture; only for JPEG files of 64 KiB and more. Raises as
    `read_image` does.
    """
    if isinstance(source, Path):
        try:
            if source.stat().st_size >= _WORTHWHILE:
                return _read_jpeg(source, mode, factor_for)
        except Exception:  # whatever is wrong, read_image says it better
            pass
    return read_image(source, mode), 1


def _read_jpeg(path: Path, mode: Mode, factor_for: Callable[[int, int], int]) -> tuple[NDArray[np.uint8], int]:
    with quiet_pillow, Image.open(path, formats=("JPEG",)) as image:
        factor = factor_for(*_upright_size(image))
        if factor > 1:
            image.draft(None, (image.width // factor, image.height // factor))
            return read_image(image, mode), factor
    return read_image(path, mode), 1


def _upright_size(image: Image.Image) -> tuple[int, int]:
    lying = image.getexif().get(ExifTags.Base.Orientation) in _LYING
    return (image.width, image.height) if lying else (image.height, image.width)

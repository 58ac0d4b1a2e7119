"""Ordinary JPEGs by libjpeg-turbo itself, without Pillow's copies: the same pixels in two thirds of the time.

Only files of which the decoder has nothing to say are taken, so that none of them ends early. Of all others Pillow says
what is wrong, or makes the best of them. Needs no torch.
"""

import io
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from plusx.data.limits import check_pixels, heed_own_limit
from plusx.data.orientation import LYING, turn_of
from plusx.data.quiet import quiet_pillow

_library: Any
try:
    import simplejpeg as _library
except ImportError:  # a system for which there is no wheel
    _library = None

_SOI: Final = b"\xff\xd8"
_SEQUENTIAL: Final = (0xC0, 0xC1)  # SOF0, SOF1: the others are progressive, arithmetic or rare
_FRAMES: Final = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_SOS: Final = 0xDA
_APP1: Final = 0xE1  # EXIF or XMP


def fast_jpeg(data: bytes, factor_for: Callable[[int, int], int] | None = None) -> tuple[NDArray[np.uint8], int] | None:
    """RGB pixels, upright (H, W, 3), at 1/factor of the size, and the factor; None for what is left to Pillow.

    factor_for: called with height and width of the upright picture.
    """
    if _library is None or (metadata := _has_metadata(data)) is None:
        return None
    try:
        height, width, colours, *_ = _library.decode_jpeg_header(data)
        height, width = int(height), int(width)
        check_pixels(height, width)
        if colours != "YCbCr":
            return None
        turn = _turn(data) if metadata else None
        upright = (width, height) if turn in LYING else (height, width)
        factor = 1 if factor_for is None else factor_for(*upright)
        least = (0, 0) if factor == 1 else (height // factor, width // factor)
        pixels = _library.decode_jpeg(data, "RGB", min_height=least[0], min_width=least[1], strict=True)
        return (pixels if turn is None else np.array(Image.fromarray(pixels).transpose(turn))), factor
    except MemoryError:
        raise
    except Exception:  # whatever it is, Pillow says it better
        return None


def _has_metadata(data: bytes) -> bool | None:
    """Of a JPEG whose first scan holds all colours at once, so that it is the only one; None of any other file."""
    colours, exif = 0, False
    position = 2 if data.startswith(_SOI) else len(data)
    while position + 10 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF:  # a fill byte
            position += 1
            continue
        if marker == _SOS:
            return exif if colours == data[position + 4] > 0 else None
        if marker in _FRAMES:
            if marker not in _SEQUENTIAL or colours:
                return None
            colours = data[position + 9]
        exif = exif or (marker == _APP1)
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return None


def _turn(data: bytes) -> Image.Transpose | None:
    """As Pillow reads it."""
    heed_own_limit()
    with quiet_pillow, Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
        return turn_of(image)

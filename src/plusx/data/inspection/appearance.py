"""How a picture looks, in 24 bytes and a miniature: what equal and nearly equal pictures are found by. Needs no torch.

The perceptual hash is the one known as pHash: a grey 32×32 copy, its discrete cosine transform, and for each of the 8×8
lowest frequencies whether it lies above their median. It hardly changes with size, quality and brightness. The bits
are those of the library imagehash for pictures with a side below 128 pixels; larger ones are first averaged down by a
whole factor, which is four times as fast and changes a bit or two. `docs/decisions/duplicates.md` says why this one.
"""

import hashlib
import zlib
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MINIATURE = 16
"""Height and width of the miniature, in pixels."""

FLATTEST = 1.0
"""Grey levels: the amplitude that the strongest low frequency has in a picture that shows something."""

_GREY = 32  # side of what is transformed
_LOW = 8  # frequencies kept, in each direction
_ENOUGH = 64  # pixels of the shorter side that averaging leaves, twice the side of what is transformed
_LONGEST = 1 << 15  # pixels of the longer side; resizing one of millions would need gigabytes
_BLOCK = 1 << 16  # bytes of one checksum
_DCT = np.cos(np.pi / (2 * _GREY) * np.outer(np.arange(_LOW), 2 * np.arange(_GREY) + 1))
"""The first rows of the DCT-II; their scale does not matter, since the median scales along."""


class Appearance(NamedTuple):
    """`pixels`: equal for equal pictures, 16 bytes. `phash`: 8 bytes, empty for a picture of nearly one colour.

    `miniature`: MINIATURE × MINIATURE RGB values, a byte each.
    """

    pixels: bytes = b""
    phash: bytes = b""
    miniature: bytes = b""


def appearance(image: Image.Image, pixels: NDArray[np.uint8]) -> Appearance:
    """image: upright, mode RGB. pixels: the same, H, W, 3."""
    smaller = _averaged(image)
    grey = np.asarray(smaller.convert("L").resize((_GREY, _GREY), Image.Resampling.LANCZOS), np.float64)
    miniature = smaller.resize((MINIATURE, MINIATURE), Image.Resampling.BOX).tobytes()
    return Appearance(pixel_checksum(pixels), perceptual_hash(grey), miniature)


def perceptual_hash(grey: NDArray[np.float64]) -> bytes:
    """32, 32 → 64 bits, low frequencies first, the first bit of a byte highest. Empty where no frequency is strong."""
    low = (_DCT @ grey @ _DCT.T).ravel()
    if np.abs(low[1:]).max() < FLATTEST * (_GREY / 2) ** 2:  # the first is the mean
        return b""
    ordered = np.sort(low)
    middle = _LOW * _LOW // 2
    return np.packbits(low > (ordered[middle - 1] + ordered[middle]) / 2).tobytes()


def pixel_checksum(pixels: NDArray[np.uint8]) -> bytes:
    """16 bytes of the shape and the CRC-32 of every 64 KiB, which is five times as fast as a digest of all.

    Pictures that differ in one block only have the same one by chance once in 2^32 times, others far less often.
    """
    digest = hashlib.sha256(repr(pixels.shape).encode())
    data = pixels.reshape(-1).data
    for start in range(0, len(data), _BLOCK):
        digest.update(zlib.crc32(data[start : start + _BLOCK]).to_bytes(4, "big"))
    return digest.digest()[:16]


def _averaged(image: Image.Image) -> Image.Image:
    across, down = (max(1, min(image.size) // _ENOUGH, side // _LONGEST) for side in image.size)
    return image.reduce((across, down)) if max(across, down) > 1 else image

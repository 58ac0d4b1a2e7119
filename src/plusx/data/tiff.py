"""What has to be looked at in a TIFF before its pixels are decoded. Needs no torch."""

import io
import lzma
import zlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from PIL import Image, TiffImagePlugin

from plusx.core.errors import DataError
from plusx.data.inspection.jpeg import find_scans, without_end
from plusx.data.limits import check_pixels

_COMPRESSION, _PHOTOMETRIC = 259, 262  # tags of TIFF 6.0
_WIDTH, _HEIGHT, _SAMPLES, _ROWS, _PLANAR = 256, 257, 277, 278, 284
_STRIPS, _STRIP_BYTES = 273, 279
_TILE_WIDTH, _TILE_LENGTH, _TILES, _TILE_BYTES = 322, 323, 324, 325
_YCBCR: Final = 6
_JPEG, _JPEG_TABLES = 7, 347
_PIECES: Final = ((_STRIPS, _TILES), (_STRIP_BYTES, _TILE_BYTES))
_STEP: Final = 1 << 20  # bytes unpacked at once


def check_tiff(image: Image.Image, data: bytes) -> None:
    """DataError where a tile has more pixels than are allowed, for it is decoded whole, however small the picture; and
    where a strip is damaged of which the decoder leaves out what it cannot read, without a word: those of JPEG, and
    those in YCbCr as far as their compression has a checksum.

    Other images than TIFF pass.
    """
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return
    tags = image.tag_v2
    _check_pieces(tags)
    compression = tags.get(_COMPRESSION)
    if compression == _JPEG:
        tables = bytes(tags.get(_JPEG_TABLES, b""))
        check = partial(_check_jpeg, tables=tables)
    elif compression in _WHOLE and tags.get(_PHOTOMETRIC) == _YCBCR:
        check = partial(_check_packed, whole=_WHOLE[compression])
    else:
        return
    starts, lengths = (tags.get(one, tags.get(other, ())) for one, other in _PIECES)
    for start, length in zip(starts, lengths, strict=False):
        check(data[start : start + length])


def _check_pieces(tags: TiffImagePlugin.ImageFileDirectory_v2) -> None:
    """That there are strips or tiles for all rows: those of which there are none would stay black."""
    height, width = (int(tags.get(side, 0)) for side in (_HEIGHT, _WIDTH))
    if _TILES in tags:
        rows, columns = int(tags.get(_TILE_LENGTH, 0)), int(tags.get(_TILE_WIDTH, 0))
        check_pixels(rows, columns)
    else:
        rows, columns = min(height, int(tags.get(_ROWS, height))), width
    if rows < 1 or columns < 1:
        raise DataError(f"damaged, the TIFF has strips or tiles of {columns}×{rows} pixels.")
    planes = int(tags.get(_SAMPLES, 1)) if tags.get(_PLANAR, 1) == 2 else 1
    needed = -(-height // rows) * -(-width // columns) * planes
    found = len(tags.get(_STRIPS, tags.get(_TILES, ())))
    if found < needed:
        raise DataError(f"damaged or cut off, the TIFF has {found} strips or tiles of {needed}.")


def _check_jpeg(piece: bytes, *, tables: bytes) -> None:
    """A JPEG of its own, but for tables that all strips share."""
    whole = tables[:-2] + piece[2:] if tables else piece
    scans = find_scans(whole)
    if scans is None or scans.progressive or len(scans.ends) > 1:
        return
    try:
        with Image.open(io.BytesIO(without_end(whole, scans.ends[0])), formats=("JPEG",)) as strip:
            check_pixels(strip.height, strip.width)
            strip.load()
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"damaged or cut off, a JPEG strip of the TIFF is not whole ({error}).") from error


def _check_packed(piece: bytes, *, whole: Callable[[bytes], bool]) -> None:
    """Unpacks it, to the end and the checksum behind; nothing is kept."""
    try:
        complete = whole(piece)
    except (zlib.error, lzma.LZMAError) as error:
        raise DataError(f"damaged or cut off, a strip of the TIFF could not be unpacked ({error}).") from error
    if not complete:
        raise DataError("damaged or cut off, a strip of the TIFF ends early.")


def _inflates(data: bytes) -> bool:
    unpacking = zlib.decompressobj()
    while not unpacking.eof and (unpacking.decompress(data, _STEP) or unpacking.unconsumed_tail):
        data = unpacking.unconsumed_tail
    return unpacking.eof


def _unpacks_lzma(data: bytes) -> bool:
    unpacking = lzma.LZMADecompressor()
    while not unpacking.eof and (unpacking.decompress(data, _STEP) or not unpacking.needs_input):
        data = b""
    return unpacking.eof


_WHOLE: Final[Mapping[int, Callable[[bytes], bool]]] = {8: _inflates, 32946: _inflates, 34925: _unpacks_lzma}
"""Compression → whether a strip can be unpacked to its end."""

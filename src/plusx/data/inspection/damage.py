"""Where a damaged file stops being good: the byte and the row of the picture, as stored. Needs no torch."""

import zlib
from typing import NamedTuple

import numpy as np

from plusx.core.errors import DataError
from plusx.data.images import decoded
from plusx.data.inspection.jpeg import with_noise

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_EOI = b"\xff\xd9"
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # colour type → values of a pixel (PNG specification, section 11.2.2)


class Damage(NamedTuple):
    """`cut`: the file ends too early, so that a new copy helps. `place`: in words, "" where it is not known."""

    cut: bool
    place: str = ""


def find_damage(data: bytes) -> Damage | None:
    """Of a JPEG or PNG file that could not be decoded; None where it cannot be told."""
    if data.startswith(_PNG_SIGNATURE):
        return _png_damage(data)
    if data.startswith(b"\xff\xd8"):
        return Damage(True, _jpeg_end(data))
    return None


def first_missing_row(data: bytes, end: int) -> tuple[int, int] | None:
    """(row, rows in all) from which on the picture of a JPEG is made up, because its data end at byte `end`.

    data: with an end marker. What follows `end` is replaced by noise: rows that stay as they are were there. Rows are
    counted from 1 and known to a row of blocks, 8 or 16. None where all are there, or nothing can be decoded.
    """
    try:
        pixels, other = (decoded(each, "", np.asarray) for each in (data, with_noise(data, end)))
    except DataError:
        return None
    differs = (pixels != other).reshape(len(pixels), -1).any(axis=1)
    return (int(differs.argmax()) + 1, len(pixels)) if differs.any() else None


def _jpeg_end(data: bytes) -> str:
    length = len(data)
    whole = data.rstrip(b"\xff")
    missing = first_missing_row(whole + _EOI, len(whole))
    ends = f"the file ends at byte {length}"
    return f"{ends}, the picture before row {missing[0]} of {missing[1]}" if missing else ends


class _Chunk(NamedTuple):
    kind: bytes
    start: int  # of the whole chunk, in bytes from the start of the file
    end: int
    content: bytes


def _chunks(data: bytes) -> list[_Chunk]:
    found, position = [], len(_PNG_SIGNATURE)
    while position + 8 <= len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        end = position + 12 + length
        found.append(_Chunk(data[position + 4 : position + 8], position, end, data[position + 8 : end - 4]))
        position = end
    return found


def _png_damage(data: bytes) -> Damage:
    """The first chunk that is not whole, and the rows of the picture in it."""
    chunks = _chunks(data)
    for number, chunk in enumerate(chunks):
        if chunk.end > len(data):
            rows = _rows(chunks[: number + 1])
            place = f", in row {rows[0]} of {rows[1]}" if rows else ""
            return Damage(True, f"the file ends at byte {len(data)}{place}")
        if zlib.crc32(chunk.kind + chunk.content) != int.from_bytes(data[chunk.end - 4 : chunk.end], "big"):
            return Damage(False, f"between bytes {chunk.start} and {chunk.end}{_rows_of(chunks, number)}")
    return Damage(all(chunk.kind != b"IEND" for chunk in chunks))


def _rows_of(chunks: list[_Chunk], number: int) -> str:
    first, last = _rows(chunks[:number]), _rows(chunks[: number + 1])
    known = chunks[number].kind == b"IDAT" and first and last
    return f", in rows {first[0]} to {last[0]} of {last[1]}" if known and first and last else ""


def _rows(chunks: list[_Chunk]) -> tuple[int, int] | None:
    """(the row in which the pixels of `chunks` end, counted from 1; rows in all). None for interlaced pictures."""
    header = chunks[0].content if chunks and chunks[0].kind == b"IHDR" else b""
    if len(header) != 13 or header[12] != 0 or header[9] not in _SAMPLES:
        return None
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    stride = 1 + (width * _SAMPLES[header[9]] * header[8] + 7) // 8
    return min(_inflated(b"".join(c.content for c in chunks if c.kind == b"IDAT")) // stride + 1, height), height


def _inflated(data: bytes) -> int:
    """Bytes that can be decompressed before an error or the end."""
    inflate, total = zlib.decompressobj(), 0
    try:
        for start in range(0, len(data), 256):
            total += len(inflate.decompress(data[start : start + 256]))
    except zlib.error:
        pass
    return total

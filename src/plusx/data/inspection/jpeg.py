"""Whether a JPEG that decodes without complaint holds as much as its size promises.

A file that was cut off and then given an end marker (by a web server, a repair tool, a camera) decodes to the end: the
decoder fills what is missing with mid-grey. The pixels alone cannot tell that from a grey wall. The data can: where
they are complete, bytes put behind them are never looked at; where they are not, the decoder goes on into them.

A progressive file that ends between two of its scans cannot be told from one that was written so: it is only coarser.
"""

import re
from itertools import pairwise
from typing import NamedTuple

from plusx.core.errors import DataError

_END_OF_SCAN = re.compile(rb"\xff+[^\x00\xff]")  # a marker, not a stuffed 0xFF
_END_WITH_RESTARTS = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")
_SOI = b"\xff\xd8"
_EOI, _SOS, _DRI = 0xD9, 0xDA, 0xDD
_SEQUENTIAL, _PROGRESSIVE = (0xC0, 0xC1), (0xC2,)  # SOF0 and SOF1, SOF2: the Huffman-coded frames
_OTHER_FRAMES = (0xC3, *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0))
_ONES = b"\xff\x00" * 16  # one bits, as pad a byte; no Huffman code consists of ones alone (ITU-T T.81, annex C.2)
_NOISE = bytes(range(1, 255, 3))
MOST_SCANS = 100


class Scans(NamedTuple):
    """Where the entropy-coded data of each scan end, in bytes from the start of the file."""

    ends: tuple[int, ...]
    progressive: bool


def find_scans(data: bytes) -> Scans | None:
    """The scans up to the first thing that is no part of a JPEG; None where there is none, or coded arithmetically."""
    ends: list[int] = []
    frame = restarts = 0
    position = 2 if data.startswith(_SOI) else len(data)
    while position + 2 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker in _OTHER_FRAMES:
            return None
        if marker == 0xFF:  # a fill byte
            position += 1
            continue
        if marker == _EOI:
            break
        frame = marker if marker in (*_SEQUENTIAL, *_PROGRESSIVE) else frame
        restarts = int.from_bytes(data[position + 4 : position + 6], "big") if marker == _DRI else restarts
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
        if marker == _SOS:
            end = (_END_WITH_RESTARTS if restarts else _END_OF_SCAN).search(data, position)
            if end is None:
                break
            position = end.start()
            ends.append(position)
    return Scans(tuple(ends), frame in _PROGRESSIVE) if frame and ends else None


def check_scans(scans: Scans | None, name: str) -> Scans | None:
    """`scans` themselves; DataError for so many that decoding would only take time: each goes through all pixels."""
    if scans is not None and len(scans.ends) > MOST_SCANS:
        raise DataError(
            f"{name}: a JPEG of {len(scans.ends)} scans; expected {MOST_SCANS} at the most, encoders write 10 or so. "
            "Save it again with an image editor, or leave it out."
        )
    return scans


def without_end(data: bytes, end: int) -> bytes:
    """For one sequential scan: a file that decodes if the scan is complete, and is refused as cut off if it is not."""
    return data[:end] + _ONES


def with_noise(data: bytes, *ends: int) -> bytes:
    """For the ends of scans, in order: a file with the same pixels if they are complete, and others if they are not."""
    edges = [0, *ends, len(data)]
    return _NOISE.join(data[start:end] for start, end in pairwise(edges))

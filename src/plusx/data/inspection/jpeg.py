"""Whether a JPEG that decodes without complaint holds as much as its size promises.

A file that was cut off and then given an end marker (by a web server, a repair tool, a camera) decodes to the end: the
decoder fills what is missing with mid-grey. The pixels alone cannot tell that from a grey wall. The data can: where
they are complete, bytes put behind them are never looked at; where they are not, the decoder goes on into them.
"""

import re

_END_OF_SCAN = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")  # a marker that is neither a stuffed 0xFF nor a restart
_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_HUFFMAN_FRAMES = (0xC0, 0xC1, 0xC2)  # SOF0, SOF1, SOF2: baseline, extended, progressive
_OTHER_FRAMES = (0xC3, *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0))
_ONES = b"\xff\x00" * 16  # one bits, as pad a byte; no Huffman code consists of ones alone (ITU-T T.81, annex C.2)
_NOISE = bytes(range(1, 255, 3))


def ends_of_scans(data: bytes) -> list[int]:
    """Where the entropy-coded data of each scan end. Empty unless `data` is a Huffman-coded JPEG with an end marker."""
    ends: list[int] = []
    position, huffman = 2, False
    while data[position : position + 1] == b"\xff" and position + 4 <= len(data):
        marker = data[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        if marker == _EOI or marker in _OTHER_FRAMES:
            return ends if huffman and marker == _EOI else []
        huffman = huffman or marker in _HUFFMAN_FRAMES
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
        if marker == _SOS:
            end = _END_OF_SCAN.search(data, position)
            if end is None:
                return []
            position = end.start()
            ends.append(position)
    at_end_marker = data[position : position + 2] == bytes((0xFF, _EOI))
    return ends if huffman and at_end_marker else []


def without_end(data: bytes, end: int) -> bytes:
    """For one scan: a file that decodes if the scan is complete, and is refused as cut off if it is not."""
    return data[:end] + _ONES


def with_noise(data: bytes, end: int) -> bytes:
    """For the last of several scans: a file with the same pixels if the scan is complete, and others if it is not."""
    return data[:end] + _NOISE + data[end:]

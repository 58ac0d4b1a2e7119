"""Every file of Willem van Schaik's PngSuite against a slow decoder written from the PNG specification alone."""

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from plusx.core.errors import DataError
from plusx.data.images import read_image

SUITE = Path(__file__).parents[2].parent / "shared" / "data" / "pngsuite" / "png"
VALID = [path for path in sorted(SUITE.glob("*.png")) if not path.name.startswith("x")]
CORRUPT = sorted(SUITE.glob("x*.png"))
pytestmark = pytest.mark.skipif(not SUITE.exists(), reason=f"{SUITE} is not there")

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
PASSES = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]


@dataclass
class Header:
    width: int
    height: int
    depth: int
    colour: int
    interlaced: bool


def chunks(data: bytes) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    position = 8
    while position < len(data):
        (length,) = struct.unpack(">I", data[position : position + 4])
        kind = data[position + 4 : position + 8]
        found[kind] = found.get(kind, b"") + data[position + 8 : position + 8 + length]
        position += 12 + length
    return found


def paeth(a: int, b: int, c: int) -> int:
    p = a + b - c
    return min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]


def unfilter(raw: bytes, rows: int, row_bytes: int, step: int) -> tuple[list[bytearray], int]:
    """Lines without their filters, and the number of bytes used."""
    lines, before, position = [], bytearray(row_bytes), 0
    for _ in range(rows):
        kind, line = raw[position], bytearray(raw[position + 1 : position + 1 + row_bytes])
        for i in range(row_bytes):
            a, b, c = (line[i - step] if i >= step else 0), before[i], (before[i - step] if i >= step else 0)
            line[i] = (line[i] + [0, a, b, (a + b) // 2, paeth(a, b, c)][kind]) % 256
        lines.append(line)
        before, position = line, position + 1 + row_bytes
    return lines, position


def samples(line: bytearray, count: int, depth: int) -> list[int]:
    bits = "".join(f"{byte:08b}" for byte in line)
    return [int(bits[i * depth : (i + 1) * depth], 2) for i in range(count)]


def reduced(raw: bytes, height: int, width: int, header: Header) -> tuple[NDArray[np.int64], int]:
    channels = CHANNELS[header.colour]
    row_bytes = (width * channels * header.depth + 7) // 8
    lines, used = unfilter(raw, height, row_bytes, max(1, channels * header.depth // 8))
    values = [samples(line, width * channels, header.depth) for line in lines]
    return np.array(values, np.int64).reshape(height, width, channels), used


def stored(raw: bytes, header: Header) -> NDArray[np.int64]:
    """H, W, channels in the file's own bit depth."""
    if not header.interlaced:
        return reduced(raw, header.height, header.width, header)[0]
    image = np.zeros((header.height, header.width, CHANNELS[header.colour]), np.int64)
    for top, left, down, right in PASSES:
        window = image[top::down, left::right]
        if window.size:
            part, used = reduced(raw, window.shape[0], window.shape[1], header)
            image[top::down, left::right], raw = part, raw[used:]
    return image


def with_alpha(values: NDArray[np.int64], header: Header, found: dict[bytes, bytes]) -> NDArray[np.float64]:
    """H, W, 4 in 0..1."""
    full = 2**header.depth - 1
    if header.colour == 3:
        palette = np.frombuffer(found[b"PLTE"], np.uint8).reshape(-1, 3) / 255
        opacity = np.ones(len(palette))
        given = np.frombuffer(found.get(b"tRNS", b""), np.uint8) / 255
        opacity[: len(given)] = given
        return np.concatenate([palette[values[:, :, 0]], opacity[values]], axis=2)
    if header.colour in (4, 6):
        colour, alpha = values[:, :, :-1], values[:, :, -1:] / full
    else:
        key = found.get(b"tRNS")
        hidden = np.zeros((*values.shape[:2], 1), bool)
        if key is not None:
            hidden = (values == np.frombuffer(key, ">u2").astype(int)).all(axis=2, keepdims=True)
        colour, alpha = values, np.where(hidden, 0.0, 1.0)
    return np.concatenate([np.broadcast_to(colour / full, (*values.shape[:2], 3)), alpha], axis=2)


def expected(path: Path) -> NDArray[np.float64]:
    """H, W, 3 in 0..255, over white."""
    found = chunks(path.read_bytes())
    width, height, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", found[b"IHDR"])
    header = Header(width, height, depth, colour, bool(interlace))
    rgba = with_alpha(stored(zlib.decompress(found[b"IDAT"]), header), header, found)
    return 255 * (rgba[:, :, :3] * rgba[:, :, 3:] + 1 - rgba[:, :, 3:])


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_valid_files_are_decoded_as_the_specification_says(path: Path) -> None:
    image, want = read_image(path), expected(path)
    assert image.shape == want.shape
    rounding = 1.0 if path.stem.endswith(("2c16", "4a16", "6a16")) else 0.501  # Pillow cuts 16-bit colour to 8
    alpha = 1.0 if path.stem[4:6] in ("4a", "6a") or path.stem == "tm3n3p02" else 0.0  # and rounds twice
    assert np.abs(image - want).max() <= rounding + alpha


@pytest.mark.parametrize("path", CORRUPT, ids=lambda path: path.stem)
def test_corrupt_files_are_refused_by_name(path: Path) -> None:
    with pytest.raises(DataError, match=rf"{path.name}: (not a readable image|damaged or cut off)"):
        read_image(path)


def test_the_suite_is_complete() -> None:
    assert (len(VALID), len(CORRUPT)) == (161, 14)

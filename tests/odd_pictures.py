"""Image files of every kind that is read, made anew, and their damaged forms. Used by tests and benchmarks."""

import io
import itertools
import random
import struct
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image


class Odd(NamedTuple):
    """`how` says what was done to the file `of`. What may become of it: an error, or the pixels of the whole file;
    `lossy`: other pixels as well, as long as none are missing."""

    of: str
    how: str
    data: bytes
    lossy: bool = False


def pixels(height: int = 37, width: int = 46, channels: int = 3) -> NDArray[np.uint8]:
    """A gradient with noise on it: no row is of one colour."""
    y, x = np.mgrid[0:height, 0:width]
    noise = np.random.default_rng(0).integers(0, 60, (height, width, channels))
    gradients = np.stack([y * 190 // height, x * 190 // width, (x + y) % 190, (x * 3) % 190], axis=-1)
    return (gradients[..., :channels] + noise).astype(np.uint8)


def whole(height: int = 37, width: int = 46) -> dict[str, bytes]:
    """Name, which begins with the kind, to content."""
    return {
        **dict(pngs(height, width)),
        **dict(jpegs(height, width)),
        **dict(tiffs(height, width)),
        **dict(others(height, width)),
    }


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def colour(height: int, width: int, mode: str = "RGB") -> Image.Image:
    image = Image.fromarray(pixels(height, width))
    if mode in ("RGBA", "LA"):
        image.putalpha(Image.fromarray(pixels(height, width, 1)[..., 0]))
    return image.convert(mode)


def wide(height: int, width: int, kind: Any) -> Image.Image:
    """Grey of more than 8 bits."""
    values = pixels(height, width, 1)[..., 0].astype(np.float64) * (1 if kind == np.float32 else 257)
    return Image.fromarray(values.astype(kind))


# PNG: all colour types and depths, plain and interlaced; Pillow writes few of them.

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
"""First row, first column, step of rows, step of columns: PNG specification, section 8.2."""


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(header: tuple[int, int, int, int, int], packed: bytes, before: bytes = b"") -> bytes:
    """header: width, height, depth, colour type, interlaced. `packed`: zlib's. `before`: chunks before the pixels."""
    width, height, depth, kind, interlaced = header
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlaced))
    middle = len(packed) // 2
    return start + before + chunk(b"IDAT", packed[:middle]) + chunk(b"IDAT", packed[middle:]) + chunk(b"IEND", b"")


def _rows(values: NDArray[Any], depth: int) -> bytes:
    """(H, W, C) as filtered rows: filter 0 and 1 in turn."""
    lines = []
    for number, row in enumerate(values):
        if depth == 16:
            line = row.astype(">u2").tobytes()
        else:
            bits = np.unpackbits(row.astype(np.uint8).reshape(-1, 1), axis=1)[:, 8 - depth :]
            line = np.packbits(bits.ravel()).tobytes()
        distance = max(1, values.shape[2] * depth // 8)
        if number % 2:
            raw = np.frombuffer(line, np.uint8)
            line = (raw - np.concatenate([np.zeros(distance, np.uint8), raw[:-distance]])[: len(raw)]).tobytes()
        lines.append(bytes([number % 2]) + line)
    return b"".join(lines)


def pngs(height: int, width: int) -> Iterator[tuple[str, bytes]]:
    for kind, depths in _DEPTHS.items():
        for depth, interlaced in itertools.product(depths, (0, 1)):
            values = pixels(height, width, _CHANNELS[kind]).astype(np.uint16)
            values = values * 257 + 3 if depth == 16 else values >> (8 - depth)
            if interlaced:
                passes = (values[y::dy, x::dx] for y, x, dy, dx in _ADAM7)
                raw = b"".join(_rows(one, depth) for one in passes if one.size)
            else:
                raw = _rows(values, depth)
            palette = chunk(b"PLTE", pixels(1, 2**depth, 3).tobytes()) if kind == 3 else b""
            name = f"png {kind} {depth} bits{' interlaced' * interlaced}"
            yield name, png((width, height, depth, kind, interlaced), zlib.compress(raw), palette)
    transparent = colour(height, width).convert("P")
    yield "png palette with transparency", saved(transparent, "PNG", transparency=3)
    frames = [colour(height, width), colour(height, width).rotate(180)]
    yield "png animated", saved(frames[0], "PNG", save_all=True, append_images=frames[1:])
    yield "png with text and profile", saved(frames[0], "PNG", icc_profile=b"x" * 500, exif=_exif())


def _exif() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def jpegs(height: int, width: int) -> Iterator[tuple[str, bytes]]:
    kinds: dict[str, dict[str, Any]] = {
        "baseline": {},
        "4:4:4": {"subsampling": 0},
        "4:2:2": {"subsampling": 1},
        "own tables": {"optimize": True},
        "progressive": {"progressive": True},
        "restart markers": {"restart_marker_blocks": 2},
        "restart rows": {"restart_marker_rows": 1},
        "progressive restarts": {"progressive": True, "restart_marker_blocks": 3},
        "metadata": {"exif": _exif(), "icc_profile": b"x" * 300, "comment": b"c" * 99},
    }
    for name, options in kinds.items():
        yield f"jpeg {name}", saved(colour(height, width), "JPEG", quality=85, **options)
    for mode in ("L", "CMYK"):
        yield f"jpeg {mode}", saved(colour(height, width, mode), "JPEG")
        yield f"jpeg progressive {mode}", saved(colour(height, width, mode), "JPEG", progressive=True)
    cmyk = saved(colour(height, width, "CMYK"), "JPEG")
    adobe = cmyk.find(b"Adobe")
    yield "jpeg YCCK", cmyk[: adobe + 11] + b"\x02" + cmyk[adobe + 12 :]


_TIFF_LOSSLESS = ("raw", "packbits", "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "lzma", "zstd")


def tiffs(height: int, width: int) -> Iterator[tuple[str, bytes]]:
    modes = ("1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "LAB", "YCbCr")
    images = {mode: _in_mode(height, width, mode) for mode in modes}
    images |= {"I;16": wide(height, width, np.uint16), "I": wide(height, width, np.int32)}
    images |= {"F": wide(height, width, np.float32)}
    for (mode, image), compression in itertools.product(images.items(), _TIFF_LOSSLESS):
        yield from _tiff(f"tiff {mode} {compression}", image, compression=compression)
    for compression in ("group3", "group4", "tiff_ccitt"):
        yield from _tiff(f"tiff 1 {compression}", images["1"], compression=compression)
    for mode, compression in (("L", "jpeg"), ("RGB", "jpeg"), ("RGB", "webp"), ("RGBA", "webp")):
        yield from _tiff(f"tiff {mode} {compression}", images[mode], compression=compression)
    pages = [images["RGB"], images["L"]]
    yield from _tiff("tiff pages", pages[0], save_all=True, append_images=pages[1:], compression="tiff_lzw")
    yield from _tiff("tiff big", images["RGB"], big_tiff=True)
    yield from _tiff("tiff strips", images["RGB"], compression="tiff_adobe_deflate", strip_size=width * 3 * 4)
    yield "tiff planar", planar(pixels(height, width))


def _in_mode(height: int, width: int, mode: str) -> Image.Image:
    if mode == "LAB":
        return Image.frombytes("LAB", (width, height), pixels(height, width).tobytes())
    return colour(height, width, mode)


def _tiff(name: str, image: Image.Image, **options: Any) -> Iterator[tuple[str, bytes]]:
    """Nothing where this build of Pillow cannot write it."""
    try:
        data = saved(image, "TIFF", **options)
        Image.open(io.BytesIO(data)).load()
    except (OSError, ValueError, KeyError, SystemError, RuntimeError):
        return
    yield name, data


def planar(values: NDArray[np.uint8]) -> bytes:
    """Uncompressed TIFF with one strip for each channel: TIFF 6.0, tag 284 = 2."""
    height, width, channels = values.shape
    area, start = height * width, 8
    data = values.transpose(2, 0, 1).tobytes()
    behind = start + len(data)
    bits, offsets, counts = behind, behind + 8, behind + 8 + 12
    directory = behind + 8 + 24
    tags = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 3, bits), (259, 3, 1, 1), (262, 3, 1, 2),
        (273, 4, 3, offsets), (277, 3, 1, channels), (278, 4, 1, height), (279, 4, 3, counts), (284, 3, 1, 2),
    ]  # fmt: skip
    lists = struct.pack("<4H", 8, 8, 8, 0) + struct.pack("<3I", start, start + area, start + 2 * area)
    lists += struct.pack("<3I", area, area, area)
    entries = b"".join(
        struct.pack("<HHI", tag, kind, count) + struct.pack("<I", value) for tag, kind, count, value in tags
    )
    end = struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0)
    return b"II*\0" + struct.pack("<I", directory) + data + lists + end


def others(height: int, width: int) -> Iterator[tuple[str, bytes]]:
    image = colour(height, width)
    frames = [image.rotate(angle) for angle in (0, 90, 180)]
    yield "webp lossy", saved(image, "WEBP", quality=80)
    yield "webp lossless", saved(image, "WEBP", lossless=True)
    yield "webp alpha", saved(colour(height, width, "RGBA"), "WEBP", quality=80)
    yield "webp animated", saved(image, "WEBP", save_all=True, append_images=frames[1:], duration=50)
    yield "gif plain", saved(image, "GIF", interlace=0)
    yield "gif interlaced", saved(image, "GIF", interlace=1)
    yield "gif transparent", saved(image.convert("P"), "GIF", transparency=2)
    yield "gif animated", saved(image, "GIF", save_all=True, append_images=frames[1:], duration=50, loop=0)
    for mode in ("1", "L", "P", "RGB", "RGBA"):
        yield f"bmp {mode}", saved(colour(height, width, mode), "BMP")
    yield "bmp 4 bits", _bmp(height, width, 4, 0, _four_bits(height, width))
    for depth in (8, 4):
        yield f"bmp RLE {depth}", _bmp(height, width, depth, 1 if depth == 8 else 2, _run_lengths(height, width, depth))
    yield "dib RGB", saved(image, "DIB")
    for mode in ("1", "L", "RGB"):
        yield f"ppm {mode}", saved(colour(height, width, mode), "PPM")
    yield "ppm 16 bits", saved(wide(height, width, np.uint16), "PPM")
    yield (
        "ppm text",
        b"P3\n%d %d\n255\n" % (width, height) + b" ".join(b"%d" % v for v in pixels(height, width).ravel()),
    )
    yield (
        "ppm plain bits",
        b"P1\n%d %d\n" % (width, height) + b" ".join(b"%d" % (v % 2) for v in pixels(height, width, 1).ravel()),
    )


def _four_bits(height: int, width: int) -> bytes:
    values = pixels(height, width, 1)[::-1, :, 0] >> 4
    values = np.pad(values, ((0, 0), (0, -width % 8)))
    return (values[:, ::2] << 4 | values[:, 1::2]).tobytes()


def _run_lengths(height: int, width: int, depth: int) -> bytes:
    """Rows of runs of two pixels, ended each, as in BMP's RLE8 and RLE4."""
    values = pixels(height, width, 1)[::-1, :, 0] >> (8 - depth)
    out = bytearray()
    for row in values:
        for x in range(0, width, 2):
            value = int(row[x])
            out += bytes([min(2, width - x), value if depth == 8 else value << 4 | value])
        out += b"\0\0"
    return bytes(out[:-2]) + b"\0\1"


def _bmp(height: int, width: int, depth: int, compression: int, data: bytes) -> bytes:
    palette = b"".join(bytes([v, v, v, 0]) for v in np.linspace(0, 255, 2**depth).astype(int).tolist())
    offset = 14 + 40 + len(palette)
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, depth, compression, len(data), 0, 0, 2**depth, 0)
    return b"BM" + struct.pack("<IHHI", offset + len(data), 0, 0, offset) + info + palette + data


# What becomes of them.


def cut(name: str, data: bytes, every: int) -> Iterator[Odd]:
    """Ended after every `every`-th byte. The last number of a text may lose a digit and be a number still."""
    for end in range(0, len(data), every):
        yield Odd(name, f"cut at {end}", data[:end], lossy=name == "ppm text")


def flipped(name: str, data: bytes, count: int) -> Iterator[Odd]:
    """With one to three bits turned, at `count` places that are the same each time."""
    luck = random.Random(name)
    for number in range(count):
        other = bytearray(data)
        places = [luck.randrange(len(data)) for _ in range(1 + number % 3)]
        for place in places:
            other[place] ^= 1 << luck.randrange(8)
        yield Odd(name, f"flipped at {places}", bytes(other), lossy=not _is_checked(data, places))


def _is_checked(data: bytes, places: list[int]) -> bool:
    """Whether all places lie in critical chunks of a PNG, where any change shows."""
    if not data.startswith(b"\x89PNG"):
        return False
    safe, position = set(range(8)), 8
    while position < len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        end = position + 12 + length
        if data[position + 4 : position + 5].isupper():
            safe.update(range(position, end))
        position = end
    return all(place in safe for place in places)


def strange(name: str, data: bytes) -> Iterator[Odd]:
    """Ended by a wrong tail, begun by a wrong head, filled up, emptied in the middle."""
    middle = len(data) // 2
    yield Odd(name, "zeros behind", data + bytes(1000))
    yield Odd(name, "noise behind", data + random.Random(1).randbytes(1000))
    yield Odd(name, "twice", data + data)
    yield Odd(name, "zeros for its second half", data[:middle] + bytes(len(data) - middle), lossy=True)
    yield Odd(name, "zeros in the middle", data[:middle] + bytes(64) + data[middle + 64 :], lossy=True)
    yield Odd(name, "64 bytes missing", data[:middle] + data[middle + 64 :], lossy=True)
    for head in (b"GIF89a", b"\xff\xd8\xff", b"BM", b"II*\0", b"RIFF", b"P6", b"\x89PNG\r\n\x1a\n"):
        if not data.startswith(head):
            yield Odd(name, f"begins with {head!r}", head + data[len(head) :], lossy=True)
    if data.startswith(b"\xff\xd8"):
        for part in (1, 3, 5, 7):
            yield Odd(name, f"cut at {part}/8 and ended", data[: len(data) * part // 8] + b"\xff\xd9", lossy=True)


def is_known(odd: Odd) -> bool:
    """Whether anything in the file tells that pixels are missing: not where bare ones, or where they lie, were changed,
    nor where a fax line fails, or a strip in YCbCr packed without a checksum, which the decoder leaves out."""
    bare = odd.of.startswith(("bmp", "dib", "ppm", "tiff big", "tiff planar", "tiff P")) or " raw" in odd.of
    bare = bare or odd.of.endswith(("packbits", "tiff_lzw"))
    fax = any(one in odd.of for one in ("group3", "group4", "ccitt"))
    unsure = any(odd.of == f"tiff YCbCr {one}" for one in ("packbits", "tiff_lzw", "zstd"))
    return not (fax or unsure or (bare and odd.how.startswith(("zeros", "flipped"))))


def is_half(found: NDArray[np.uint8], expected: NDArray[np.uint8]) -> bool:
    """Whether a quarter of the rows, at the bottom or the top, are of one colour each, as none of the picture's are:
    what decoders leave unfilled."""
    least = max(3, len(found) // 4)
    ends = [rows for rows in (found[-least:], found[:least]) if _plain_rows(rows).all()]
    return bool(ends) and not bool(_plain_rows(expected).any())


def is_filled(found: NDArray[np.uint8]) -> bool:
    """As `is_half`, with neither black nor white: what a decoder of JPEG fills with. Those are drifted values."""
    least = max(3, len(found) // 4)
    return any(
        _plain_rows(rows).all() and rows.min() > 0 and rows.max() < 255 for rows in (found[-least:], found[:least])
    )


def _plain_rows(image: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return (image == image[:, :1]).all(axis=(1, 2))

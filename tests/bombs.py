"""Small files that promise huge pictures, or hold much else: name → content. Used by tests and benchmarks."""

import struct
import zlib
from collections.abc import Iterator

from odd_pictures import chunk, colour, png, saved

SIDE = 60_000
"""Height and width that headers promise: 3.6 gigapixels."""


def bombs() -> Iterator[tuple[str, bytes]]:
    """Files that have to be refused."""
    packed = zlib.compress(bytes(1_000_000), 9)
    yield "png header", png((SIDE, SIDE, 8, 2, 0), packed)
    yield "png interlaced header", png((2**31 - 1, 2**31 - 1, 16, 6, 1), packed)
    yield "png one row", png((2**31 - 1, 1, 8, 0, 0), packed)
    text = b"a\0\0" + zlib.compress(bytes(200_000_000), 9)
    small = zlib.compress(b"".join(b"\0" + bytes(8) for _ in range(8)))
    yield "png text that unpacks to 200 MB", png((8, 8, 8, 0, 0), small, chunk(b"zTXt", text))
    yield "png of a little more than allowed", _zeros(13_100, 13_100)
    yield "png text behind a huge header", png((SIDE, SIDE, 8, 0, 0), packed, chunk(b"tEXt", b"a\0b"))
    yield "gif header", _sized(saved(colour(8, 8), "GIF"), {6: struct.pack("<HH", SIDE, SIDE)})
    yield "gif frame larger than its screen", _gif_frame()
    yield "bmp header", _sized(saved(colour(8, 8), "BMP"), {18: struct.pack("<ii", SIDE, SIDE)})
    yield "bmp RLE that skips rows", _skipping_bmp()
    jpeg = saved(colour(16, 16), "JPEG")
    frame = jpeg.index(b"\xff\xc0") + 5
    yield "jpeg header", _sized(jpeg, {frame: struct.pack(">HH", SIDE, SIDE)})
    progressive = saved(colour(16, 16), "JPEG", progressive=True)
    frame = progressive.index(b"\xff\xc2") + 5
    yield "jpeg progressive header", _sized(progressive, {frame: struct.pack(">HH", SIDE, SIDE)})
    yield "jpeg of 5000 scans", _many_scans(progressive, frame)
    yield "webp header", _webp()
    for name, compression in (("raw", "raw"), ("deflate", "tiff_adobe_deflate")):
        yield (
            f"tiff {name} header",
            tiff_tags(saved(colour(8, 8), "TIFF", compression=compression), {256: SIDE, 257: SIDE}),
        )
    yield "tiff tile larger than its picture", _tiled_tiff()
    yield "ppm header", b"P6\n%d %d\n255\n" % (SIDE, SIDE) + bytes(1000)
    yield "ppm text header", b"P3\n%d %d\n255\n" % (SIDE, SIDE) + b"1 " * 1000


def heavy() -> Iterator[tuple[str, bytes]]:
    """Files that are read, or refused, in little memory."""
    image = colour(8, 8)
    yield (
        "png profile that unpacks to 100 MB",
        png(
            (8, 8, 8, 0, 0),
            zlib.compress(b"".join(b"\0" + bytes(8) for _ in range(8))),
            chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(100_000_000), 9)),
        ),
    )
    yield "gif of 5000 frames", _frames(saved(image, "GIF"), 5000)
    yield "jpeg with 20 MB of profile", _with_segments(saved(image, "JPEG"), b"\xff\xe2", 300)
    yield "jpeg with 20 MB of text", _with_segments(saved(image, "JPEG"), b"\xff\xfe", 300)
    exif = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 1) + struct.pack("<HHII", 270, 2, 2**31 - 1, 26)
    jpeg = saved(image, "JPEG")
    yield "jpeg exif that promises 2 GB", jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]
    yield "tiff tag that promises 4 GB", tiff_tags(saved(image, "TIFF"), {}, extra=(270, 2, 2**32 - 1, 8))
    yield "png of 13000 × 13000", _zeros(13_000, 13_000)


def _zeros(height: int, width: int) -> bytes:
    """A whole grey picture in some 200 KB."""
    packing, row = zlib.compressobj(9), bytes(width + 1)
    return png((width, height, 8, 0, 0), b"".join(packing.compress(row) for _ in range(height)) + packing.flush())


def _sized(data: bytes, parts: dict[int, bytes]) -> bytes:
    found = bytearray(data)
    for place, part in parts.items():
        found[place : place + len(part)] = part
    return bytes(found)


def _gif_frame() -> bytes:
    data = saved(colour(8, 8), "GIF")
    frame = data.index(b"\x2c", 13 + 3 * 2 ** ((data[10] & 7) + 1))
    return _sized(data, {frame + 5: struct.pack("<HH", 65535, 65535)})


def _frames(data: bytes, count: int) -> bytes:
    frame = data.index(b"\x2c", 13 + 3 * 2 ** ((data[10] & 7) + 1))
    return data[:frame] + data[frame:-1] * count + b";"


def _skipping_bmp() -> bytes:
    """170 million pixels in one row, and a command to go 255 rows up."""
    info = struct.pack("<IiiHHIIiiII", 40, 170_000_000, 1, 1, 8, 1, 6, 0, 0, 2, 0)
    return b"BM" + struct.pack("<IHHI", 68, 0, 0, 62) + info + bytes(8) + b"\0\2\0\xff\0\1"


def _many_scans(data: bytes, frame: int) -> bytes:
    """The first scan of a picture of 12000 × 12000 again and again."""
    start = data.index(b"\xff\xda")
    end = data.index(b"\xff", start + 14)
    while data[end + 1] == 0:
        end = data.index(b"\xff", end + 2)
    return _sized(data, {frame: struct.pack(">HH", 12_000, 12_000)})[:start] + data[start:end] * 5000 + b"\xff\xd9"


def _with_segments(data: bytes, marker: bytes, count: int) -> bytes:
    segment = marker + struct.pack(">H", 65_535) + b"ICC_PROFILE\0\1\1" + bytes(65_533 - 14)
    return data[:2] + segment * count + data[2:]


def _webp() -> bytes:
    """Extended format: 24 bits each of width and height, less one."""
    small = saved(colour(8, 8, "RGBA"), "WEBP", lossless=True)[12:]
    frame = (
        b"ANMF" + struct.pack("<I", 16 + len(small)) + bytes(6) + (16382).to_bytes(3, "little") * 2 + bytes(4) + small
    )
    header = b"VP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + (16382).to_bytes(3, "little") * 2
    loop = b"ANIM" + struct.pack("<I", 6) + bytes(6)
    body = b"WEBP" + header + loop + frame
    return b"RIFF" + struct.pack("<I", len(body)) + body


def tiff_tags(data: bytes, values: dict[int, int], extra: tuple[int, int, int, int] | None = None) -> bytes:
    """With other values in its first directory, and one entry more in the place of an unimportant one."""
    found = bytearray(data)
    start = int.from_bytes(data[4:8], "little")
    for number in range(int.from_bytes(data[start : start + 2], "little")):
        place = start + 2 + 12 * number
        tag = int.from_bytes(data[place : place + 2], "little")
        if tag in values:
            found[place + 2 : place + 12] = struct.pack("<HII", 4, 1, values[tag])
        if tag == 277 and extra is not None:
            found[place : place + 12] = struct.pack("<HHII", *extra)
    return bytes(found)


def _tiled_tiff() -> bytes:
    """8 × 8 pixels in one tile of 40000 × 40000, whose 1.6 GB are zeros and packed."""
    packing, row = zlib.compressobj(9), bytes(1_000_000)
    tile = b"".join(packing.compress(row) for _ in range(1600)) + packing.flush()
    tags = [
        (256, 4, 1, 8), (257, 4, 1, 8), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 1), (277, 3, 1, 1),
        (322, 4, 1, 40_000), (323, 4, 1, 40_000), (324, 4, 1, 8), (325, 4, 1, len(tile)),
    ]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0" + struct.pack("<I", 8 + len(tile)) + tile + struct.pack("<H", len(tags)) + entries + bytes(4)

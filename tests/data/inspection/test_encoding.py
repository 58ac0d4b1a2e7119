import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from plusx.data.inspection.encoding import Encoding
from plusx.data.inspection.facts import inspect_file

Encode = Callable[..., bytes]


def encoding(path: Path) -> Encoding:
    facts = inspect_file(str(path))
    assert facts.problem == ""
    return Encoding(facts.format, facts.mode, facts.bits, facts.frames, facts.orientation)


@pytest.mark.parametrize(
    ("mode", "kind", "expected"),
    [
        ("RGB", "PNG", Encoding("PNG", "RGB")),
        ("1", "PNG", Encoding("PNG", "1", 1)),
        ("I;16", "PNG", Encoding("PNG", "I;16", 16)),
        ("I;16", "TIFF", Encoding("TIFF", "I;16", 16)),
        ("F", "TIFF", Encoding("TIFF", "F", 32)),
        ("CMYK", "JPEG", Encoding("JPEG", "CMYK")),
        ("CMYK", "TIFF", Encoding("TIFF", "CMYK")),
        ("L", "BMP", Encoding("BMP", "L")),
        ("RGB", "WEBP", Encoding("WEBP", "RGB")),
        ("RGBA", "WEBP", Encoding("WEBP", "RGBA")),
        ("L", "PPM", Encoding("PPM", "L")),
    ],
)
def test_modes_and_bits(mode: str, kind: str, expected: Encoding, tmp_path: Path) -> None:
    Image.new(mode, (20, 12)).save(tmp_path / "image", kind)
    assert encoding(tmp_path / "image") == expected


def test_sixteen_bits_of_colour(tmp_path: Path) -> None:
    """Which Pillow's modes do not tell."""
    header = bytearray.fromhex("89504e470d0a1a0a")
    values = np.random.default_rng(0).integers(0, 256, (4, 1 + 4 * 6), dtype=np.uint8)
    values[:, 0] = 0
    for kind, content in ((b"IHDR", b"\0\0\0\4\0\0\0\4\x10\2\0\0\0"), (b"IDAT", _deflated(values)), (b"IEND", b"")):
        header += _chunk(kind, content)
    (tmp_path / "deep.png").write_bytes(header)
    assert encoding(tmp_path / "deep.png") == Encoding("PNG", "RGB", 16)


def _deflated(values: np.ndarray) -> bytes:
    return zlib.compress(values.tobytes())


def _chunk(kind: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_frames(kind: str, tmp_path: Path) -> None:
    frames = [Image.new("RGB", (20, 12), colour) for colour in ("red", "green", "blue")]
    frames[0].save(tmp_path / "image", kind, save_all=True, append_images=frames[1:])
    assert encoding(tmp_path / "image").frames == 3
    frames[0].save(tmp_path / "image", kind)
    assert encoding(tmp_path / "image").frames == 1


def test_previews_of_cameras_are_no_frames(tmp_path: Path) -> None:
    first, second = Image.new("RGB", (64, 48), "red"), Image.new("RGB", (16, 16), "blue")
    first.save(tmp_path / "stereo.jpg", "MPO", save_all=True, append_images=[second])
    assert encoding(tmp_path / "stereo.jpg") == Encoding("JPEG", "RGB")


@pytest.mark.parametrize("orientation", [1, 3, 6, 8, 9])
@pytest.mark.parametrize("settings", [{}, {"progressive": True}])
def test_orientation(orientation: int, settings: dict[str, Any], tmp_path: Path, jpeg: Encode) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    (tmp_path / "photo.jpg").write_bytes(jpeg(exif=exif, **settings))
    assert encoding(tmp_path / "photo.jpg").orientation == (1 if orientation == 9 else orientation)

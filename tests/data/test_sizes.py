from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from plusx.core.errors import DataError
from plusx.data.images import read_image
from plusx.data.sizes import Size, read_size


def exif(orientation: int) -> Image.Exif:
    found = Image.Exif()
    found[274] = orientation
    return found


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tiff"])
def test_the_size_is_that_of_the_decoded_picture(tmp_path: Path, orientation: int, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.new("RGB", (30, 20)).save(path, exif=exif(orientation))
    height, width, turned = read_size(path)
    assert read_image(path).shape == (height, width, 3)
    assert turned == (orientation > 1)


def test_orientation_behind_the_pixels_of_a_png_is_seen(tmp_path: Path) -> None:
    Image.new("RGB", (30, 20)).save(tmp_path / "a.png")
    data, payload = (tmp_path / "a.png").read_bytes(), exif(6).tobytes().removeprefix(b"Exif\0\0")
    chunk = PngImagePlugin.o32(len(payload)) + b"eXIf" + payload
    chunk += PngImagePlugin.o32(PngImagePlugin._crc32(payload, PngImagePlugin._crc32(b"eXIf")))
    (tmp_path / "a.png").write_bytes(data[:-12] + chunk + data[-12:])
    assert read_image(tmp_path / "a.png").shape == (30, 20, 3)
    assert read_size(tmp_path / "a.png") == Size(30, 20, turned=True)


def test_pixels_are_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> Any:
        raise AssertionError("decoded")

    noise = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    for suffix in ("jpg", "png", "bmp"):
        Image.fromarray(noise).save(tmp_path / f"a.{suffix}")
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", refuse)
    for suffix in ("jpg", "png", "bmp"):
        assert read_size(tmp_path / f"a.{suffix}") == (20, 30, False)


@pytest.mark.parametrize("content", [b"", b"no image", None])
def test_what_is_no_image(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.png: its size could not be read"):
        read_size(tmp_path / "a.png")

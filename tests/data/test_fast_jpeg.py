"""libjpeg-turbo without Pillow gives Pillow's pixels, and leaves to Pillow whatever is not quite ordinary."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from plusx.core.errors import DataError
from plusx.data import fast_jpeg as module
from plusx.data.fast_jpeg import fast_jpeg
from plusx.data.images import read_image
from plusx.data.reduced import read_reduced

SHARED = Path(__file__).parents[3] / "shared" / "data"


def photo(height: int = 70, width: int = 90) -> Image.Image:
    """Smooth with a little noise."""
    rows, columns = np.mgrid[0:height, 0:width]
    noise = np.random.default_rng(0).integers(0, 30, (height, width, 3))
    smooth = np.stack((rows * 2, columns * 2, rows + columns), axis=2)
    return Image.fromarray(np.clip(smooth + noise, 0, 255).astype(np.uint8))


def saved(image: Image.Image, **how: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "JPEG", **{"quality": 90, **how})
    return stream.getvalue()


def by_pillow(data: bytes, monkeypatch: pytest.MonkeyPatch) -> NDArray[np.uint8]:
    with monkeypatch.context() as patch:
        patch.setattr(module, "_library", None)
        return read_image(data)


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"quality": 30, "subsampling": 0},
        {"subsampling": 1},
        {"subsampling": 2, "optimize": True},
        {"restart_marker_blocks": 2},
        {"comment": b"\xff\xda\xff\xd9"},
    ],
)
@pytest.mark.parametrize("size", [(70, 90), (8, 8), (1, 1), (17, 130)])
def test_the_pixels_are_pillows(how: dict[str, Any], size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(photo(*size), **how)
    found = fast_jpeg(data)
    assert found is not None
    assert np.array_equal(found[0], by_pillow(data, monkeypatch))
    assert np.array_equal(read_image(data), found[0])


@pytest.mark.parametrize("orientation", range(1, 10))
def test_upright(orientation: int, monkeypatch: pytest.MonkeyPatch) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    data = saved(photo(), exif=exif)
    asked: list[tuple[int, int]] = []
    found = fast_jpeg(data, lambda height, width: asked.append((height, width)) or 1)
    assert found is not None
    assert np.array_equal(found[0], by_pillow(data, monkeypatch))
    assert asked == [found[0].shape[:2]]
    assert found[0].flags.c_contiguous


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_reduced(factor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(photo(700, 901), subsampling=2, quality=98)
    fast, said = read_reduced(data, "RGB", lambda height, width: factor)
    with monkeypatch.context() as patch:
        patch.setattr(module, "_library", None)
        slow, also = read_reduced(data, "RGB", lambda height, width: factor)
    assert said == also == factor
    assert np.array_equal(fast, slow)


def progressive() -> bytes:
    return saved(photo(), progressive=True)


def cut(end: bytes = b"") -> bytes:
    data = saved(photo(700, 900))
    return data[: len(data) // 2] + end


@pytest.mark.parametrize(
    "data",
    [
        progressive(),
        saved(photo().convert("L")),
        saved(photo().convert("CMYK")),
        saved(photo(), keep_rgb=True),
        cut(),
        cut(b"\xff\xd9"),
        b"",
        b"\xff\xd8",
        b"\xff\xd8\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x89PNG\r\n\x1a\n" + bytes(50),
    ],
)
def test_the_rest_is_left_to_pillow(data: bytes) -> None:
    assert fast_jpeg(data) is None


@pytest.mark.parametrize("data", [cut(), cut(b"\xff\xd9")])
def test_a_file_that_was_cut_off_is_refused(data: bytes) -> None:
    with pytest.raises(DataError, match="damaged or cut off"):
        read_image(data)
    with pytest.raises(DataError, match="damaged or cut off"):
        read_reduced(data, "RGB", lambda height, width: 2)


def test_every_place_to_cut_is_noticed() -> None:
    """But for the last bytes, without which the decoder has all it needs."""
    data = saved(photo(40, 40))
    whole = read_image(data)
    for end in range(len(data) - 60, len(data) - 2):
        for tail in (b"", b"\xff\xd9"):
            found = fast_jpeg(data[:end] + tail)
            assert found is None or np.array_equal(found[0], whole)


def test_too_many_pixels_are_said_by_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLUSX_MAX_PIXELS", "100")
    assert fast_jpeg(saved(photo())) is None
    with pytest.raises(DataError, match="more than the 100 pixels"):
        read_image(saved(photo()))


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data")
@pytest.mark.parametrize("folder", ["clothing", "coco-permissive", "bccd", "exif-orientation", "fruits360"])
def test_real_photos(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = sorted(path for path in (SHARED / folder).rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))[::9]
    taken = 0
    for path in paths:
        data = path.read_bytes()
        if (found := fast_jpeg(data)) is not None:
            taken += 1
            assert np.array_equal(found[0], by_pillow(data, monkeypatch)), path
    assert taken > 0.5 * len(paths) > 0

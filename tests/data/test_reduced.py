from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from plusx.core.errors import DataError
from plusx.data import reduced
from plusx.data.images import read_image
from plusx.data.reduced import read_reduced

SHARED = Path(__file__).parents[2].parent / "shared" / "data"


@pytest.fixture(autouse=True)
def _small_files_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reduced, "_WORTHWHILE", 1)


def _photo(path: Path, height: int = 320, width: int = 480, orientation: int = 1) -> Path:
    y, x = np.mgrid[0:height, 0:width]
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = np.stack([128 + 80 * np.sin(x / 40), 128 + 80 * np.cos(y / 30), (x + y) % 200], axis=2)
    Image.fromarray(pixels.astype(np.uint8)).save(path, quality=95, exif=exif)
    return path


@pytest.mark.parametrize("factor", [1, 2, 4, 8])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_the_same_picture_at_a_fraction_of_its_size(tmp_path: Path, factor: int, mode: str) -> None:
    path = _photo(tmp_path / "photo.jpg")
    grey = mode == "L"
    found, divided = read_reduced(path, "L" if grey else "RGB", lambda _h, _w: factor)
    assert divided == factor
    assert found.shape == (320 // factor, 480 // factor, 1 if grey else 3)
    full = read_image(path, "L" if grey else "RGB").astype(float)
    mean = full.reshape(320 // factor, factor, 480 // factor, factor, -1).mean(axis=(1, 3))
    assert np.abs(found - mean).mean() < 2


def test_the_bytes_of_a_file_are_reduced_as_the_file(tmp_path: Path) -> None:
    path = _photo(tmp_path / "photo.jpg", orientation=6)
    expected, _ = read_reduced(path, "RGB", lambda _h, _w: 4)
    for source in (path.read_bytes(), path.read_bytes):
        found, factor = read_reduced(source, "RGB", lambda _h, _w: 4)
        assert factor == 4
        np.testing.assert_array_equal(found, expected)


def test_small_files_are_not_looked_at_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _photo(tmp_path / "photo.jpg")
    monkeypatch.setattr(reduced, "_WORTHWHILE", path.stat().st_size + 1)
    assert read_reduced(path, "RGB", lambda _h, _w: 2)[1] == 1


def test_sizes_that_do_not_divide_are_rounded_up(tmp_path: Path) -> None:
    found, _ = read_reduced(_photo(tmp_path / "photo.jpg", 99, 101), "RGB", lambda _h, _w: 4)
    assert found.shape == (25, 26, 3)


def test_the_size_asked_about_is_that_of_the_upright_picture(tmp_path: Path) -> None:
    path = _photo(tmp_path / "lying.jpg", orientation=6)
    asked: list[tuple[int, int]] = []

    def halve(height: int, width: int) -> int:
        asked.append((height, width))
        return 2

    found, _ = read_reduced(path, "RGB", halve)
    assert asked == [(480, 320)]
    assert found.shape == (240, 160, 3)


def test_what_is_no_jpeg_file_is_read_as_ever(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    for source in (tmp_path / "photo.png", pixels, lambda: pixels):
        found, factor = read_reduced(source, "RGB", lambda _h, _w: 8)
        assert factor == 1
        np.testing.assert_array_equal(found, pixels)


@pytest.mark.parametrize("part", [0.0, 0.3, 0.9])
def test_damaged_files_are_named(tmp_path: Path, part: float) -> None:
    path = _photo(tmp_path / "photo.jpg")
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    with pytest.raises(DataError, match=r"photo\.jpg: "):
        read_reduced(path, "RGB", lambda _h, _w: 2)


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.jpg: there is no such file"):
        read_reduced(tmp_path / "gone.jpg", "RGB", lambda _h, _w: 2)


@pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared/data")
def test_real_photos_upright() -> None:
    for path in sorted((SHARED / "exif-orientation").glob("Landscape_*.jpg"))[:9]:
        full = read_image(path)
        half, _ = read_reduced(path, "RGB", lambda _h, _w: 2)
        assert half.shape[:2] == (-(-full.shape[0] // 2), -(-full.shape[1] // 2))
        assert np.abs(half[:100, :100].mean(axis=(0, 1)) - full[:200, :200].mean(axis=(0, 1))).max() < 2

import io
from pathlib import Path

import imagehash
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from plusx.data.inspection.appearance import Appearance, appearance, pixel_checksum
from plusx.data.inspection.facts import inspect_memory

SHARED = Path(__file__).parents[3].parent / "shared" / "data"


def look(image: Image.Image) -> Appearance:
    return appearance(image, np.asarray(image))


def picture(height: int, width: int, seed: int = 0) -> Image.Image:
    """A smooth one."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def off(one: bytes, other: bytes) -> int:
    """Bits."""
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_count()


@pytest.mark.parametrize("size", [(32, 32), (127, 127), (9, 500), (127, 3000), (40, 61), (1, 1)])
def test_the_bits_are_those_of_imagehash(size: tuple[int, int]) -> None:
    for seed in range(8):
        image = picture(*size, seed)
        found = look(image).phash
        assert found.hex() == (str(imagehash.phash(image)) if found else "")


def test_large_pictures_keep_most_bits() -> None:
    for seed in range(8):
        image = picture(700, 900, seed)
        assert off(look(image).phash, bytes.fromhex(str(imagehash.phash(image)))) <= 4


@pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared/data")
def test_the_bits_of_photos() -> None:
    for path in sorted((SHARED / "fruits360" / "Test").glob("*/*/*.jpg"))[::9]:
        with Image.open(path) as image:
            assert look(image.convert("RGB")).phash.hex() == str(imagehash.phash(image))


def test_size_and_quality_change_few_bits_and_another_picture_many() -> None:
    image, file = picture(200, 300), io.BytesIO()
    image.resize((141, 94)).save(file, "JPEG", quality=40)
    with Image.open(file) as again:
        assert off(look(again.convert("RGB")).phash, look(image).phash) <= 4
    assert off(look(picture(200, 300, 1)).phash, look(image).phash) > 12


@pytest.mark.parametrize("colour", ["white", "black", (128, 128, 128), (3, 90, 7)])
def test_one_colour_has_no_hash(colour: str | tuple[int, int, int]) -> None:
    assert look(Image.new("RGB", (90, 70), colour)).phash == b""
    noise = np.random.default_rng(0).integers(230, 256, (90, 70, 3), dtype=np.uint8)
    assert look(Image.fromarray(noise)).phash == b""


def test_the_miniature_holds_means() -> None:
    pixels = np.zeros((64, 32, 3), np.uint8)
    pixels[:4, :2] = [[200, 100, 0]]
    miniature = np.frombuffer(look(Image.fromarray(pixels)).miniature, np.uint8).reshape(16, 16, 3)
    assert miniature[0, 0].tolist() == [200, 100, 0]
    assert miniature.sum() == 300


@pytest.mark.parametrize("size", [(1, 1), (5, 7), (300, 400)])
def test_any_other_pixel_is_another_picture(size: tuple[int, int]) -> None:
    pixels: NDArray[np.uint8] = np.random.default_rng(0).integers(0, 255, (*size, 3), dtype=np.uint8)
    found = {pixel_checksum(pixels)}
    for place in (0, pixels.size // 2, pixels.size - 1):
        other = pixels.copy()
        other.reshape(-1)[place] += 1
        found.add(pixel_checksum(other))
    assert len(found) == len({0, pixels.size // 2, pixels.size - 1}) + 1
    assert pixel_checksum(pixels.copy()) in found


def test_the_shape_counts() -> None:
    assert pixel_checksum(np.zeros((2, 8, 3), np.uint8)) != pixel_checksum(np.zeros((4, 4, 3), np.uint8))


def test_grey_and_colour_files_of_one_picture_are_equal() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (40, 30), dtype=np.uint8)
    one, other = inspect_memory(Image.fromarray(grey)), inspect_memory(np.stack([grey] * 3, axis=2))
    assert (one.pixels, one.phash, one.miniature) == (other.pixels, other.phash, other.miniature)

"""Every way a picture can be stored must give the picture a person sees."""

import io
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import ExifTags, Image

from plusx.core.errors import DataError
from plusx.data import images
from plusx.data.images import IMAGE_SUFFIXES, read_image

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.exists(), reason=f"{SHARED} is not there")


def picture(height: int = 24, width: int = 36) -> NDArray[np.uint8]:
    """A smooth gradient that differs under every flip and turn."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([y * 255 // height, x * 255 // width, (x + y) * 2], axis=-1).astype(np.uint8)


def difference(a: NDArray[Any], b: NDArray[Any]) -> float:
    return float(np.abs(a.astype(float) - b.astype(float)).mean())


def saved(path: Path, image: Image.Image, **options: Any) -> Path:
    image.save(path, **options)
    return path


@pytest.mark.parametrize(
    ("name", "tolerance"),
    [("a.jpg", 3.0), ("a.png", 0), ("a.bmp", 0), ("a.tif", 0), ("a.ppm", 0), ("a.webp", 8.0), ("a.gif", 12.0)],
)
def test_formats(tmp_path: Path, name: str, tolerance: float) -> None:
    image = read_image(saved(tmp_path / name, Image.fromarray(picture())))
    assert image.shape == (24, 36, 3)
    assert image.dtype == np.uint8
    assert image.flags.c_contiguous
    assert image.flags.writeable
    assert difference(image, picture()) <= tolerance
    assert Path(name).suffix in IMAGE_SUFFIXES


def test_content_counts_not_the_suffix(tmp_path: Path) -> None:
    Image.fromarray(picture()).save(tmp_path / "a.jpg", format="PNG")
    assert np.array_equal(read_image(tmp_path / "a.jpg"), picture())


@needs_shared
@pytest.mark.parametrize("shape", ["Landscape", "Portrait"])
def test_all_orientations_of_real_files_decode_to_the_same_picture(shape: str) -> None:
    upright = read_image(SHARED / "exif-orientation" / f"{shape}_1.jpg")
    for number in range(2, 9):
        other = read_image(SHARED / "exif-orientation" / f"{shape}_{number}.jpg")
        assert other.shape == upright.shape
        assert difference(other, upright) < 15, f"{shape}_{number}"  # a number is painted into each of them


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_in_other_formats(tmp_path: Path, suffix: str, orientation: int) -> None:
    undo = {
        1: picture(),
        2: picture()[:, ::-1],
        3: picture()[::-1, ::-1],
        4: picture()[::-1],
        5: picture().transpose(1, 0, 2),
        6: np.rot90(picture(), 1),
        7: picture()[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(picture(), -1),
    }[orientation]
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    options = {"lossless": True} if suffix == ".webp" else {}
    path = saved(tmp_path / f"a{suffix}", Image.fromarray(np.ascontiguousarray(undo)), exif=exif.tobytes(), **options)
    assert np.array_equal(read_image(path), picture())


def test_impossible_and_damaged_orientation_is_ignored(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 77
    assert read_image(saved(tmp_path / "a.png", Image.fromarray(picture()), exif=exif.tobytes())).shape == (24, 36, 3)
    broken = b"Exif\x00\x00II*\x00\xff\xff\xff\x7f garbage"
    assert read_image(saved(tmp_path / "b.jpg", Image.fromarray(picture()), exif=broken)).shape == (24, 36, 3)
    tag = b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x02\x00\x12\x01\x03\x00\xff\xff\x00\x00"
    assert read_image(saved(tmp_path / "c.jpg", Image.fromarray(picture()), exif=tag)).shape == (24, 36, 3)


def test_grey_becomes_three_equal_channels_and_mode_l_one(tmp_path: Path) -> None:
    grey = picture()[:, :, 0]
    path = saved(tmp_path / "a.png", Image.fromarray(grey))
    assert np.array_equal(read_image(path), np.repeat(grey[:, :, None], 3, axis=2))
    assert np.array_equal(read_image(path, "L"), grey[:, :, None])


def test_colour_in_mode_l_is_its_luminance(tmp_path: Path) -> None:
    red = saved(tmp_path / "a.png", Image.new("RGB", (4, 4), (255, 0, 0)))
    assert read_image(red, "L").tolist() == np.full((4, 4, 1), 76).tolist()  # ITU-R BT.601: 0.299 × 255


def test_alpha_is_shown_over_white(tmp_path: Path) -> None:
    image = Image.new("RGBA", (3, 1))
    image.putdata([(10, 20, 30, 255), (10, 20, 30, 0), (0, 0, 0, 51)])
    path = saved(tmp_path / "a.png", image)
    assert read_image(path).tolist() == [[[10, 20, 30], [255, 255, 255], [204, 204, 204]]]
    grey = Image.new("LA", (2, 1))
    grey.putdata([(40, 255), (40, 0)])
    assert read_image(saved(tmp_path / "b.png", grey), "L").tolist() == [[[40], [255]]]


def test_palette_with_transparent_entry(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putdata([0, 1])
    assert read_image(saved(tmp_path / "a.png", image)).tolist() == [[[10, 20, 30], [200, 100, 50]]]
    for name in ("b.png", "b.gif"):
        path = saved(tmp_path / name, image, transparency=1)
        assert read_image(path).tolist() == [[[10, 20, 30], [255, 255, 255]]]


def test_first_frame_of_an_animation(tmp_path: Path) -> None:
    first, second = Image.new("RGB", (8, 8), "red"), Image.new("RGB", (8, 8), "blue")
    for name in ("a.gif", "a.webp", "a.png", "a.tif"):
        options = {"lossless": True} if name == "a.webp" else {}
        path = saved(tmp_path / name, first, save_all=True, append_images=[second], **options)
        assert read_image(path)[0, 0].tolist() == [255, 0, 0], name


def test_cmyk_and_inverted_adobe_cmyk(tmp_path: Path) -> None:
    rgb = Image.fromarray(picture())
    path = saved(tmp_path / "a.jpg", rgb.convert("CMYK"), quality=95)  # Pillow writes Adobe's inverted form
    assert b"Adobe" in path.read_bytes()
    assert difference(read_image(path), picture()) < 3
    assert np.array_equal(read_image(saved(tmp_path / "a.tif", rgb.convert("CMYK"))), picture())


def test_sixteen_bit_grey_is_scaled_not_clipped(tmp_path: Path) -> None:
    values = np.array([[0, 128, 129, 257, 32768, 65535]], np.uint16)
    expected = [0, 0, 1, 1, 128, 255]
    for name in ("a.png", "a.tif"):
        path = saved(tmp_path / name, Image.fromarray(values))
        assert read_image(path, "L").ravel().tolist() == expected
    path = saved(tmp_path / "i.tif", Image.fromarray(values.astype(np.int32)))
    assert read_image(path, "L").ravel().tolist() == expected
    assert read_image(path)[0, -1].tolist() == [255, 255, 255]


def test_float_tiff(tmp_path: Path) -> None:
    unit = saved(tmp_path / "a.tif", Image.fromarray(np.array([[0, 0.5, 1]], np.float32)))
    assert read_image(unit, "L").ravel().tolist() == [0, 128, 255]
    bytes_ = saved(tmp_path / "b.tif", Image.fromarray(np.array([[0, 99.6, 255]], np.float32)))
    assert read_image(bytes_, "L").ravel().tolist() == [0, 100, 255]
    outside = saved(tmp_path / "c.tif", Image.fromarray(np.array([[-3, 1000]], np.float32)))
    with pytest.raises(DataError, match=r"c\.tif: Pixel values of type float32 lie in -3\.\.1000; expected 0\.\.255"):
        read_image(outside)


def test_one_bit(tmp_path: Path) -> None:
    bits = np.array([[True, False, True]])
    path = saved(tmp_path / "a.png", Image.fromarray(bits))
    assert read_image(path, "L").ravel().tolist() == [255, 0, 255]
    assert read_image(path)[0, 0].tolist() == [255, 255, 255]


def test_long_and_foreign_paths(tmp_path: Path) -> None:
    deep = tmp_path
    while len(str(deep)) < 3600:
        deep = deep / ("x" * 200)
    deep.mkdir(parents=True)
    for name in ("花 (1).png", "é\u0301 🌹.png", "%20#?.png", b"caf\xe9.png"):
        path = deep / (name if isinstance(name, str) else name.decode("utf-8", "surrogateescape"))
        path.write_bytes(encoded())
        assert np.array_equal(read_image(path), picture())
        assert np.array_equal(read_image(str(path)), picture())


def test_error_text_can_be_printed_for_a_name_that_is_no_utf8(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"caf\\xe9\.png: there is no such file") as error:
        read_image(tmp_path / b"caf\xe9.png".decode("utf-8", "surrogateescape"))
    str(error.value).encode("utf-8")


def encoded(kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture()).save(buffer, format=kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF"])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_cut_off_files_are_refused_by_name(tmp_path: Path, kind: str, part: float) -> None:
    whole = encoded(kind)
    path = tmp_path / "cut.jpg"
    path.write_bytes(whole[: int(len(whole) * part)])
    with pytest.raises(DataError, match=r"cut\.jpg: (damaged or cut off|not a readable image)"):
        read_image(path)


def test_cut_off_progressive_jpeg(tmp_path: Path) -> None:
    whole = encoded("JPEG", progressive=True)
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"cut\.jpg: damaged or cut off, it could not be decoded to the end"):
        read_image(tmp_path / "cut.jpg")


def test_a_flipped_bit_in_png_pixels_is_found(tmp_path: Path) -> None:
    data = bytearray(encoded(compress_level=0))
    data[200] ^= 1
    (tmp_path / "bit.png").write_bytes(data)
    with pytest.raises(DataError, match=r"bit\.png: .*(checksum of PNG chunk IDAT is wrong|could not be decoded)"):
        read_image(tmp_path / "bit.png")


def test_empty_missing_foreign_and_folder(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "figure.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n")
    with pytest.raises(DataError, match=r"empty\.png: the file is empty \(0 bytes\)"):
        read_image(tmp_path / "empty.png")
    with pytest.raises(DataError, match=r"text\.png: not a readable image; expected an intact JPEG, PNG"):
        read_image(tmp_path / "text.png")
    with pytest.raises(DataError, match=r"figure\.png: not a readable image"):  # never handed to an interpreter
        read_image(tmp_path / "figure.png")
    with pytest.raises(DataError, match=r"none\.png: there is no such file"):
        read_image(tmp_path / "none.png")
    with pytest.raises(DataError, match="could not be read: Is a directory"):
        read_image(tmp_path)


def test_more_pixels_than_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "bomb.png", Image.fromarray(picture()))
    monkeypatch.setenv("PLUSX_MAX_PIXELS", "863")  # of 864
    with pytest.raises(DataError, match=r"bomb\.png: 36×24 pixels: more than the 863 pixels that are allowed") as error:
        read_image(path)
    assert "`magick large.png -resize 4096x4096 small.png`. For files that you trust, set the environment" in str(
        error.value
    )
    with Image.open(path) as image, pytest.raises(DataError, match="36×24 pixels: more than the 863"):
        read_image(image)
    monkeypatch.setenv("PLUSX_MAX_PIXELS", "864")
    assert np.array_equal(read_image(path), picture())


@pytest.mark.parametrize("limit", [100, 431])
def test_a_lower_limit_of_pillow_counts_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    path = saved(tmp_path / "bomb.png", Image.fromarray(picture()))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    with pytest.raises(DataError, match=rf"bomb\.png: more than the {2 * limit} pixels that are allowed"):
        read_image(path)


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("stored", ["L", "RGB", "RGBA", "P", "1", "CMYK", "LA"])
def test_large_pictures_are_converted_in_parts(monkeypatch: pytest.MonkeyPatch, stored: str, mode: str) -> None:
    image = Image.fromarray(picture()).convert(stored)
    if stored == "P":
        image.info["transparency"] = 3
    grey = mode == "L"
    at_once = read_image(image, "L" if grey else "RGB")
    monkeypatch.setattr(images, "_PART", 7)  # less than a row
    assert np.array_equal(read_image(image, "L" if grey else "RGB"), at_once)
    monkeypatch.setattr(images, "_PART", 100)
    assert np.array_equal(read_image(image, "L" if grey else "RGB"), at_once)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM"])
@settings(max_examples=25, deadline=None)
@given(
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=8),
    kept=st.floats(0, 1),
)
def test_any_damage_gives_pixels_or_one_kind_of_error(kind: str, changes: list[tuple[float, int]], kept: float) -> None:
    data = bytearray(encoded(kind))
    for place, value in changes:
        data[int(place * len(data))] = value
    try:
        image = read_image(bytes(data[: int(len(data) * (0.5 + kept))]))
    except DataError as error:
        assert str(error).startswith("image in memory: ")  # noqa: PT017 - either outcome is right
    else:
        assert image.dtype == np.uint8
        assert image.shape[2] == 3


def test_many_threads_at_once(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", Image.fromarray(picture()))
    before = list(warnings.filters)
    with ThreadPoolExecutor(8) as pool:
        assert all(np.array_equal(image, picture()) for image in pool.map(read_image, [path] * 64))
    assert list(warnings.filters) == before


def test_what_may_stand_in_memory() -> None:
    image, grey = picture(), picture()[:, :, 0]
    assert np.array_equal(read_image(image), image)
    assert read_image(image) is not image
    assert np.array_equal(read_image(grey), np.repeat(grey[:, :, None], 3, 2))
    assert np.array_equal(read_image(grey[:, :, None], "L"), grey[:, :, None])
    assert np.array_equal(read_image(image / 255), image)
    assert np.array_equal(read_image(image.astype(np.float32)), image)
    assert np.array_equal(read_image(Image.fromarray(image)), image)
    assert np.array_equal(read_image(lambda: Image.fromarray(image)), image)
    assert np.array_equal(read_image(encoded()), image)
    assert read_image(grey > 99, "L").max() == 255
    alpha = np.dstack([image, np.full((24, 36), 0, np.uint8)])
    assert read_image(alpha).min() == 255


def test_tensors_are_channels_first() -> None:
    tensor = torch.from_numpy(picture()).permute(2, 0, 1)
    assert np.array_equal(read_image(tensor), picture())
    assert np.array_equal(read_image(tensor.float() / 255), picture())
    assert read_image(tensor[:1]).shape == (24, 36, 3)
    assert read_image(tensor[:1], "L").shape == (24, 36, 1)


def test_pillow_image_with_orientation_and_one_cut_off() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    turned = Image.open(io.BytesIO(encoded("JPEG", exif=exif.tobytes())))
    assert read_image(turned).shape == (36, 24, 3)
    whole = encoded("JPEG")
    with pytest.raises(DataError, match=r"PIL image <.*> could not be decoded: image file is truncated"):
        read_image(Image.open(io.BytesIO(whole[:-100])))


def test_no_torch_is_imported() -> None:

    code = "import sys, plusx.data.images, plusx.data.formats.read, plusx.data.split; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)

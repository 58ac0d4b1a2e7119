import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from plusx.core.errors import DataError
from plusx.core.masks import Mask
from plusx.data.masks import Colours, Instances, MaskFile, Values, read_colours, read_stored, read_values

RNG = np.random.default_rng(0)
PALETTE = [channel for index in range(256) for channel in (index * 7 % 256, 255 - index, index // 2)]


def grid(*rows: list[int]) -> np.ndarray:
    return np.array(rows, np.uint8)


def saved(path: Path, array: np.ndarray, mode: str | None = None, **options: Any) -> Path:
    image = Image.fromarray(array)
    if mode == "P":
        image.putpalette(PALETTE)
    elif mode is not None:
        image = image.convert(mode)
    image.save(path, **options)
    return path


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("mode", ["P", "L"])
def test_what_is_stored_is_what_is_read_at_any_depth(tmp_path: Path, mode: str, bits: int) -> None:
    """Pillow shows grey of 2 and 4 bits stretched to 0..255; a palette's indices are classes, not its colours."""
    values = RNG.integers(0, 2**bits, (9, 13)).astype(np.uint8)
    path = tmp_path / "mask.png"
    if mode == "P":
        saved(path, values, "P", bits=bits)
    else:
        path.write_bytes(grey_png(values, bits))
    assert path.read_bytes()[24] == bits
    assert np.array_equal(read_values(path), values)


def grey_png(values: np.ndarray, bits: int) -> bytes:
    """Pillow cannot write grey of 2 and 4 bits."""
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    height, width = values.shape
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([bits, 0, 0, 0, 0])
    places = values[:, :, None] >> np.arange(bits - 1, -1, -1) & 1
    rows = b"".join(b"\0" + np.packbits(row.ravel()).tobytes() for row in places)
    pixels = zlib.compress(rows)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("suffix", "dtype"), [("png", np.uint16), ("tif", np.uint16), ("tif", np.int32)])
def test_16_bits_and_more_are_read_as_they_are(tmp_path: Path, suffix: str, dtype: type) -> None:
    values = RNG.integers(0, 40000, (6, 5)).astype(dtype)
    assert np.array_equal(read_values(saved(tmp_path / f"mask.{suffix}", values)), values)


def test_1_bit_and_formats_without_loss(tmp_path: Path) -> None:
    values = RNG.integers(0, 2, (9, 11)).astype(np.uint8)
    for suffix in ("png", "tif", "bmp", "pbm"):
        assert np.array_equal(read_values(saved(tmp_path / f"mask.{suffix}", values * 255, "1")), values)
    for suffix in ("tif", "bmp", "pgm"):
        assert np.array_equal(read_values(saved(tmp_path / f"grey.{suffix}", values * 3)), values * 3)


def test_three_equal_channels_are_grey_and_colours_are_not(tmp_path: Path) -> None:
    values = grid([0, 1, 2], [3, 255, 0])
    rgb = np.repeat(values[:, :, None], 3, axis=2)
    assert np.array_equal(read_values(saved(tmp_path / "grey.png", rgb)), values)
    assert np.array_equal(read_values(saved(tmp_path / "alpha.png", rgb, "RGBA")), values)
    assert np.array_equal(read_values(saved(tmp_path / "la.png", values, "LA")), values)
    rgb[0, 0] = (255, 0, 128)
    path = saved(tmp_path / "colours.png", rgb)
    assert np.array_equal(read_stored(path), rgb)
    with pytest.raises(DataError, match=r"colours\.png: a mask in 6 colours \(#000000, .*columns name, r, g, b"):
        read_values(path)


def test_the_picture_is_turned_as_images_are(tmp_path: Path) -> None:
    values, exif = grid([0, 1, 2], [3, 4, 5]), Image.Exif()
    exif[274] = 6
    path = saved(tmp_path / "mask.png", values, exif=exif)
    assert np.array_equal(read_values(path), np.rot90(values, -1))


@pytest.mark.parametrize(
    "source",
    [
        grid([0, 1], [2, 255]),
        grid([0, 1], [2, 255]).astype(np.int64),
        grid([0, 1], [2, 255]).astype(np.float32),
        grid([0, 1], [2, 255])[:, :, None],
        Image.fromarray(grid([0, 1], [2, 255])),
        lambda: grid([0, 1], [2, 255]),
    ],
    ids=["uint8", "int64", "float", "one channel", "PIL", "function"],
)
def test_masks_in_memory(source: Any) -> None:
    table = Values(((0, 0), (1, 2), (2, 1)))
    assert MaskFile(source, table).load() == Mask(grid([0, 2], [1, 255]))


def test_truth_values_and_bytes_in_memory() -> None:
    assert MaskFile(np.eye(2, dtype=bool), Values(((0, 0), (1, 1)))).load() == Mask(grid([1, 0], [0, 1]))
    file = io.BytesIO()
    Image.fromarray(grid([4, 5])).save(file, "PNG")
    assert np.array_equal(read_values(file.getvalue()), grid([4, 5]))


def test_numbers_that_are_not_whole_are_refused() -> None:
    with pytest.raises(DataError, match=r"train\[3\]: 1 mask values are no whole numbers, e.g. 0.5; .*interpolation"):
        MaskFile(np.array([[0.5, 1.0]]), Values(((0, 0), (1, 1))), "train[3]").load()
    with pytest.raises(DataError, match=r"mask in memory: a mask of shape \(2, 2, 5\); expected one value a pixel"):
        read_values(np.zeros((2, 2, 5), np.uint8))


def test_a_mode_without_classes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"mask\.tif: a mask of mode CMYK; expected a palette"):
        read_values(saved(tmp_path / "mask.tif", np.zeros((4, 4, 3), np.uint8), "CMYK"))


def test_values_without_a_class_are_named_with_their_pixels(tmp_path: Path) -> None:
    path = saved(tmp_path / "mask.png", grid([0, 1, 7, 7], [9, 9, 9, 255], [3, 4, 0, 0]))
    with pytest.raises(DataError) as caught:
        MaskFile(path, Values(((0, 0), (1, 1)))).load()
    assert str(caught.value) == (
        f"{path}: 4 values have no class, in 7 pixels: 9 (3 pixels), 7 (2 pixels), 3 (1 pixels) and 1 more. Values "
        "with a class, or void: 0, 1, 255. Add what is missing to the table of classes, or set those pixels to 255 "
        "(not to be counted)."
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.int64])
def test_values_of_any_type_are_looked_up(dtype: type) -> None:
    values = RNG.integers(0, 5, (20, 30)).astype(dtype)
    table = Values(((0, 4), (1, 255), (2, 0), (3, 3), (4, 1)))
    assert np.array_equal(table.indices(values, ""), np.array([4, 255, 0, 3, 1], np.uint8)[values])
    with pytest.raises(DataError, match=r"a\.png: 1 value has no class, in 1 pixels: 77"):
        table.indices(np.array([[0, 77]], dtype), "a.png")


def test_negative_values_have_no_class() -> None:
    with pytest.raises(DataError, match=r"1 value has no class, in 2 pixels: -1 \(2 pixels\)"):
        Values(((0, 0),)).indices(np.array([[0, -1, -1]]), "a.png")


def test_255_is_void_unless_it_is_a_class() -> None:
    assert np.array_equal(Values(((0, 0),)).indices(grid([0, 255]), ""), grid([0, 255]))
    assert np.array_equal(Values(((0, 0), (255, 1))).indices(grid([0, 255]), ""), grid([0, 1]))


def test_colours_are_looked_up(tmp_path: Path) -> None:
    rgb = np.array([[(0, 0, 0), (128, 0, 64)], [(255, 255, 255), (0, 0, 1)]], np.uint8)
    coding = Colours((((0, 0, 0), 0), ((128, 0, 64), 1), ((255, 255, 255), 255), ((0, 0, 1), 2)))
    path = saved(tmp_path / "mask.png", rgb)
    expected = Mask(grid([0, 1], [255, 2]))
    assert MaskFile(path, coding).load() == MaskFile(rgb, coding).load() == expected
    palette = tmp_path / "palette.png"
    Image.fromarray(rgb).quantize(4).save(palette)
    assert MaskFile(palette, coding).load() == expected
    with pytest.raises(DataError, match=r"mask\.png: 1 value has no class, in 1 pixels: #000001 \(1 pixels\)\."):
        MaskFile(path, Colours(coding.table[:3])).load()


def test_colours_of_grey_masks() -> None:
    assert np.array_equal(read_colours(grid([0, 9])), np.array([[(0, 0, 0), (9, 9, 9)]], np.uint8))
    with pytest.raises(DataError, match=r"expected uint8 colours \(H, W, 3\)"):
        read_colours(np.zeros((2, 2, 3)))


OBJECTS = np.array(
    [
        [0, 0, 0, 0, 0, 0, 0],
        [0, 300, 300, 300, 9, 9, 0],
        [0, 300, 300, 300, 9, 9, 0],
        [0, 0, 0, 0, 0, 0, 0],
        [4, 4, 0, 0, 0, 255, 255],
    ],
    np.uint16,
)


def test_objects_become_foreground() -> None:
    assert np.array_equal(Instances().indices(OBJECTS, ""), (OBJECTS > 0).astype(np.uint8))


@pytest.mark.parametrize("width", [1, 2, 3])
def test_where_objects_touch_is_a_boundary(width: int) -> None:
    expected = (OBJECTS > 0).astype(np.uint8)
    for y, x in zip(*OBJECTS.nonzero(), strict=True):
        near = OBJECTS[max(0, y - width) : y + width + 1, max(0, x - width) : x + width + 1]
        expected[y, x] += bool(((near != 0) & (near != OBJECTS[y, x])).any())
    found = Instances(width).indices(OBJECTS, "")
    assert np.array_equal(found, expected)
    if width == 1:
        assert found[1].tolist() == [0, 1, 1, 2, 2, 1, 0]


def test_a_mask_file_is_small_and_travels_to_other_processes(tmp_path: Path) -> None:
    mask = MaskFile(saved(tmp_path / "mask.png", grid([0, 1])), Values(((0, 0), (1, 1))))
    assert pickle.loads(pickle.dumps(mask)) == mask
    assert mask.flip(2) == Mask(grid([1, 0]))


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    table = Values(((0, 0),))
    with pytest.raises(DataError, match=r"gone\.png: there is no such file"):
        MaskFile(tmp_path / "gone.png", table).load()
    whole = saved(tmp_path / "whole.png", RNG.integers(0, 255, (50, 50)).astype(np.uint8)).read_bytes()
    for name, content in {"cut.png": whole[: len(whole) // 2], "text.png": b"hello", "empty.png": b""}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=rf"{name}: (damaged or cut off|not a readable image|the file is empty)"):
            MaskFile(tmp_path / name, table).load()

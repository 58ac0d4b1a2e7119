"""From a file or any image in memory to 8-bit pixels, the same way in audit, training, prediction and export."""

import io
import itertools
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from plusx.core.errors import DataError
from plusx.core.sample import ImageSource
from plusx.data.fast_jpeg import fast_jpeg
from plusx.data.inspection.jpeg import check_scans, find_scans, with_noise, without_end
from plusx.data.limits import check_pixels, heed_own_limit, too_many_for_pillow
from plusx.data.orientation import upright
from plusx.data.pixels import as_array, channels_last, scale_of, to_uint8
from plusx.data.quiet import quiet_pillow
from plusx.data.tiff import check_tiff

T = TypeVar("T")
Mode: TypeAlias = Literal["RGB", "L"]
Conversion: TypeAlias = Callable[[Image.Image, bytes], NDArray[Any]]
"""From a decoded image, and the file that it was decoded from, to an array."""

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "DIB", "TIFF", "GIF", "PPM")
IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".gif"}
    | {".ppm", ".pgm", ".pbm", ".pnm"}
)
"""File name endings, in lower case, that are taken for images. What a file is, its content decides."""

_WIDE = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")
"""Pillow's grey modes of more than 8 bits, which its own `convert` would clip."""

_PART = 1 << 24  # pixels

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def read_image(source: ImageSource, mode: Mode = "RGB") -> NDArray[np.uint8]:
    """uint8 H, W, C with C = 3 (RGB) or 1 (L), C-contiguous and writable.

    source: a path; the bytes of an image file; a PIL image; an array or CPU tensor H×W, H×W×C or C×H×W (bool, 8 or
    16 bits, float in 0..1 or 0..255); or a function that returns one of these.
    EXIF orientation is applied, transparency shown over white, 16 bits are scaled to 8 (v / 257, rounded), CMYK becomes
    RGB; of several frames the first counts. A float image whose values all lie in 0..1 is taken for that scale.
    DataError names the file and says what is wrong: half-decoded images are never returned, nor those with more pixels
    than `limits.most_pixels`.
    """
    while callable(source):
        source = source()
    if isinstance(source, (str, os.PathLike)):
        return _read_file(Path(source), mode)
    if isinstance(source, bytes):
        return _decode(source, "image in memory", mode)
    if isinstance(source, Image.Image):
        return _from_pillow(source, mode)
    array = channels_last(as_array(source))
    return _from_array(to_uint8(array, scale_of(array)), mode)


def _read_file(path: Path, mode: Mode) -> NDArray[np.uint8]:
    name, data = file_bytes(path)
    return _decode(data, name, mode)


def file_bytes(path: Path) -> tuple[str, bytes]:
    """(how errors call the file, its content). DataError if it cannot be read."""
    name = printable(str(path))
    try:
        return name, path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{name}: there is no such file.") from None
    except OSError as error:
        raise DataError(f"{name}: could not be read: {error.strerror or error}.") from error


def printable(name: str) -> str:
    """`name` with the bytes that are no UTF-8, which file systems allow, written as \\xff."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _decode(data: bytes, name: str, mode: Mode) -> NDArray[np.uint8]:
    if mode == "RGB" and (found := fast_jpeg(data)) is not None:
        return found[0]
    return decoded_whole(data, name, lambda image, content: shown(image, content, mode))


def decoded_whole(data: bytes, name: str, convert: Conversion) -> NDArray[Any]:
    """What `convert` makes of the image in `data` and its content. DataError as `decoded`, and where pixels are missing
    of which the decoder says nothing."""
    pixels, complete = decoded_anyway(data, name, convert)
    if not complete:
        raise DataError(f"{name}: damaged or cut off: {INCOMPLETE}.")
    return pixels


INCOMPLETE = "its data end early and the decoder filled the rest with one colour"


def decoded_anyway(data: bytes, name: str, convert: Conversion) -> tuple[NDArray[Any], bool]:
    """As `decoded`, and whether all pixels are there: of a JPEG the decoder does not say it.

    Files of several scans, such as progressive ones, are decoded twice for that, damaged ones as well.
    """

    def pixels(content: bytes) -> NDArray[Any]:
        return decoded(content, name, lambda image: convert(image, content))

    scans = check_scans(find_scans(data), name)
    if scans is None:
        return pixels(data), True
    if scans.progressive or len(scans.ends) > 1:
        found = pixels(data)
        return found, np.array_equal(found, pixels(with_noise(data, *scans.ends)))
    try:
        return pixels(without_end(data, scans.ends[0])), True
    except DataError:
        return pixels(data), False


def shown(image: Image.Image, data: bytes, mode: Mode) -> NDArray[np.uint8]:
    """What `read_image` gives of an image that was decoded from `data`."""
    _correct_transparency(image, data)
    return _to_array(upright(image), mode)


def _as_it_is(image: Image.Image) -> None:
    """Nothing is done before the pixels are decoded."""


def decoded(
    data: bytes, name: str, convert: Callable[[Image.Image], T], prepare: Callable[[Image.Image], object] = _as_it_is
) -> T:
    """What `convert` makes of the whole image in `data`, as stored. DataError if it is damaged, too large or no image.

    prepare: called before the pixels are decoded.
    """
    if not data:
        raise DataError(f"{name}: the file is empty (0 bytes).")
    heed_own_limit()
    try:
        with quiet_pillow, Image.open(io.BytesIO(data), formats=FORMATS) as image:
            check_pixels(image.height, image.width)
            _check_png(data)
            check_tiff(image, data)
            prepare(image)
            image.load()
            return convert(image)
    except UnidentifiedImageError:
        known = "JPEG, PNG, WebP, BMP, TIFF, GIF or PPM"
        raise DataError(f"{name}: not a readable image; expected an intact {known} file.") from None
    except DataError as error:
        raise DataError(f"{name}: {error}") from error
    except MemoryError:
        raise
    except Image.DecompressionBombError:
        raise DataError(f"{name}: {too_many_for_pillow()}") from None
    except Exception as error:  # decoders of damaged files raise whatever they stumble over
        raise DataError(f"{name}: damaged or cut off, it could not be decoded to the end ({error}).") from error


def _from_pillow(image: Image.Image, mode: Mode) -> NDArray[np.uint8]:
    try:
        check_pixels(image.height, image.width)
        with quiet_pillow:
            image.load()
            return _to_array(upright(image), mode)
    except DataError:
        raise
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"PIL image {image!r} could not be decoded: {error}.") from error


def _check_png(data: bytes) -> None:
    """Checksums of all critical chunks (PNG specification, section 5.5): Pillow leaves out those of the pixels."""
    if not data.startswith(_PNG_SIGNATURE):
        return
    view, position = memoryview(data), len(_PNG_SIGNATURE)
    while position + 12 <= len(data):
        length = int.from_bytes(view[position : position + 4], "big")
        kind, end = bytes(view[position + 4 : position + 8]), position + 8 + length
        critical = kind[:1].isupper()
        if critical and zlib.crc32(view[position + 4 : end]) != int.from_bytes(view[end : end + 4], "big"):
            raise DataError(f"damaged or cut off: the checksum of PNG chunk {kind.decode('latin-1')} is wrong.")
        position = end + 4
        if kind == b"IEND":
            return


def _correct_transparency(image: Image.Image, data: bytes) -> None:
    """PNG states the transparent colour in the file's bit depth; Pillow compares it with 8-bit pixels."""
    colour = image.info.get("transparency")
    if not data.startswith(_PNG_SIGNATURE) or colour is None or image.mode not in ("1", "L", "RGB"):
        return
    depth = data[24]  # IHDR: signature 8, length 4, kind 4, width 4, height 4
    if isinstance(colour, int) and depth < 8:
        image.info["transparency"] = colour * 255 // (2**depth - 1)
    elif isinstance(colour, tuple) and depth == 16:
        image.info["transparency"] = tuple(part >> 8 for part in colour)


def _eight_bit(image: Image.Image) -> Image.Image:
    """In mode RGB or L."""
    if image.mode in _WIDE:
        return _from_wide(image)
    if image.has_transparency_data:
        return _over_white(image if image.mode != "1" else image.convert("L"))
    if image.mode in ("L", "RGB"):  # which `convert` would copy
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _from_wide(image: Image.Image) -> Image.Image:
    values = np.asarray(image)
    if image.mode == "I" and values.size and values.min() >= 0 and values.max() <= 65535:
        values = values.astype(np.uint16)  # 32-bit containers hold 16-bit pixels in practice
    grey = to_uint8(values, scale_of(values))
    transparent = image.info.get("transparency")
    return Image.fromarray(grey if transparent is None else np.where(values == transparent, np.uint8(255), grey))


def _over_white(image: Image.Image) -> Image.Image:
    grey = image.mode in ("L", "LA", "La")
    coloured = image.convert("RGBA")
    white = Image.new("RGB", image.size, "white")
    white.paste(coloured.convert("RGB"), mask=coloured.getchannel("A"))
    return white.convert("L") if grey else white


def _to_array(image: Image.Image, mode: Mode) -> NDArray[np.uint8]:
    """A large picture is converted a part at a time, so that beside it there is little more than the result."""
    if image.mode in _WIDE or image.width * image.height <= _PART:
        return _at_once(image, mode)
    array = np.empty((image.height, image.width, 1 if mode == "L" else 3), np.uint8)
    rows, columns = max(1, _PART // image.width), min(_PART, image.width)
    for top, left in itertools.product(range(0, image.height, rows), range(0, image.width, columns)):
        bottom, right = min(image.height, top + rows), min(image.width, left + columns)
        array[top:bottom, left:right] = _at_once(image.crop((left, top, right, bottom)), mode)
    return array


def _at_once(image: Image.Image, mode: Mode) -> NDArray[np.uint8]:
    grey_or_rgb = _eight_bit(image)
    array = np.array(grey_or_rgb if grey_or_rgb.mode == mode else grey_or_rgb.convert(mode))
    return array[:, :, None] if mode == "L" else array


def _from_array(array: NDArray[np.uint8], mode: Mode) -> NDArray[np.uint8]:
    """array: uint8, H×W or H×W×C."""
    channels = 1 if array.ndim == 2 else array.shape[2]
    if (mode, channels) in (("RGB", 3), ("L", 1)):
        return array.reshape(*array.shape[:2], channels).copy(order="C")
    plain = array[:, :, 0] if array.ndim == 3 and channels == 1 else array
    return _to_array(Image.fromarray(np.ascontiguousarray(plain)), mode)

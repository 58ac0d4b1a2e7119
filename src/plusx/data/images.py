"""From a file or any image in memory to 8-bit pixels, the same way in audit, training, prediction and export."""

import io
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from plusx.core.errors import DataError
from plusx.core.sample import ImageSource
from plusx.data.pixels import as_array, channels_last, scale_of, to_uint8
from plusx.data.quiet import quiet_pillow

T = TypeVar("T")
Mode: TypeAlias = Literal["RGB", "L"]

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "DIB", "TIFF", "GIF", "PPM")
IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".gif"}
    | {".ppm", ".pgm", ".pbm", ".pnm"}
)
"""File name endings, in lower case, that are taken for images. What a file is, its content decides."""

_TRANSPOSED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF 2.3, tag 274 → what puts the picture upright."""

_WIDE = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")
"""Pillow's grey modes of more than 8 bits, which its own `convert` would clip."""

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def read_image(source: ImageSource, mode: Mode = "RGB") -> NDArray[np.uint8]:
    """uint8 H, W, C with C = 3 (RGB) or 1 (L), C-contiguous and writable.

    source: a path; the bytes of an image file; a PIL image; an array or CPU tensor H×W, H×W×C or C×H×W (bool, 8 or
    16 bits, float in 0..1 or 0..255); or a function that returns one of these.
    EXIF orientation is applied, transparency shown over white, 16 bits are scaled to 8 (v / 257, rounded), CMYK becomes
    RGB; of several frames the first counts. A float image whose values all lie in 0..1 is taken for that scale.
    DataError names the file and says what is wrong; half-decoded images are never returned.
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
    return decoded(data, name, lambda image: _to_array(displayed(image, data), mode))


def displayed(image: Image.Image, data: bytes) -> Image.Image:
    """What `read_image` shows of an image that was decoded from `data`: upright, over white, in mode RGB or L."""
    _correct_transparency(image, data)
    return _eight_bit(upright(image))


def decoded(data: bytes, name: str, convert: Callable[[Image.Image], T]) -> T:
    """What `convert` makes of the whole image in `data`, as stored. DataError if it is damaged or no image."""
    if not data:
        raise DataError(f"{name}: the file is empty (0 bytes).")
    try:
        with quiet_pillow, Image.open(io.BytesIO(data), formats=FORMATS) as image:
            _check_size(image)
            _check_png(data)
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
        raise DataError(f"{name}: {_too_large()}") from None
    except Exception as error:  # decoders of damaged files raise whatever they stumble over
        raise DataError(f"{name}: damaged or cut off, it could not be decoded to the end ({error}).") from error


def _from_pillow(image: Image.Image, mode: Mode) -> NDArray[np.uint8]:
    try:
        with quiet_pillow:
            image.load()
            return _to_array(_eight_bit(upright(image)), mode)
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"PIL image {image!r} could not be decoded: {error}.") from error


def _check_size(image: Image.Image) -> None:
    if (most := _most_pixels()) is not None and image.width * image.height > most:
        raise DataError(f"{image.width}×{image.height} pixels: {_too_large()}")


def _most_pixels() -> int | None:
    """What Pillow refuses by itself; from half of that on it warns."""
    return None if Image.MAX_IMAGE_PIXELS is None else 2 * Image.MAX_IMAGE_PIXELS


def _too_large() -> str:
    return (
        f"more than the {_most_pixels()} pixels that are allowed, to keep memory safe. Use a smaller copy: any "
        "image editor makes one, or ImageMagick, `magick large.png -resize 4096x4096 small.png`. (In Python, "
        "PIL.Image.MAX_IMAGE_PIXELS, half of that, can be raised before, for images that you trust.)"
    )


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


def upright(image: Image.Image) -> Image.Image:
    """Turned as its EXIF orientation says."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # damaged metadata is no reason to lose the picture
        return image
    return image.transpose(_TRANSPOSED[orientation]) if orientation in _TRANSPOSED else image


def _eight_bit(image: Image.Image) -> Image.Image:
    """In mode RGB or L."""
    if image.mode in _WIDE:
        return _from_wide(image)
    if image.has_transparency_data:
        return _over_white(image if image.mode != "1" else image.convert("L"))
    return image if image.mode == "L" else image.convert("L" if image.mode == "1" else "RGB")


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
    array = np.array(image if image.mode == mode else image.convert(mode))
    return array[:, :, None] if mode == "L" else array


def _from_array(array: NDArray[np.uint8], mode: Mode) -> NDArray[np.uint8]:
    """array: uint8, H×W or H×W×C."""
    channels = 1 if array.ndim == 2 else array.shape[2]
    if (mode, channels) in (("RGB", 3), ("L", 1)):
        return array.reshape(*array.shape[:2], channels).copy(order="C")
    plain = array[:, :, 0] if array.ndim == 3 and channels == 1 else array
    return _to_array(_eight_bit(Image.fromarray(np.ascontiguousarray(plain))), mode)

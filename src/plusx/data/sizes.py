"""Sizes of image files from their headers, without decoding the pixels. Needs no torch."""

from pathlib import Path
from typing import IO, NamedTuple

from PIL import ExifTags, Image

from plusx.core.errors import DataError
from plusx.data.images import FORMATS, printable
from plusx.data.limits import check_pixels, heed_own_limit, too_many_for_pillow
from plusx.data.quiet import quiet_pillow

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_SIDEWAYS = (5, 6, 7, 8)
"""EXIF orientations that exchange height and width."""


class Size(NamedTuple):
    """Pixels of the upright picture. `turned`: EXIF says that the pixels in the file are not upright."""

    height: int
    width: int
    turned: bool = False


def read_size(path: Path) -> Size:
    """The size that `read_image` gives. DataError where there is no file, none that begins as an image does, or one of
    more pixels than are allowed."""
    heed_own_limit()
    try:
        with path.open("rb") as file, quiet_pillow, Image.open(file, formats=FORMATS) as image:
            check_pixels(image.height, image.width)
            orientation = 1 if _plain_png(file) else _orientation(image)
            width, height = image.size
            upright = image.format == "TIFF"  # of which Pillow gives the size after turning
    except Image.DecompressionBombError:
        raise DataError(f"{printable(str(path))}: {too_many_for_pillow()}") from None
    except Exception as error:  # decoders of damaged files raise whatever they stumble over
        raise DataError(f"{printable(str(path))}: its size could not be read ({error}).") from error
    turned = orientation in range(2, 9)
    return Size(width, height, turned) if orientation in _SIDEWAYS and not upright else Size(height, width, turned)


def _orientation(image: Image.Image) -> int:
    try:
        return image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # damaged metadata is no reason to lose the picture
        return 1


def _plain_png(file: IO[bytes]) -> bool:
    """Whether it is a PNG without text and EXIF, of which Pillow would decode the pixels to look behind them."""
    position = file.tell()
    file.seek(0)
    plain = file.read(8) == _PNG_SIGNATURE
    while plain and len(head := file.read(8)) == 8:
        plain = head[4:] not in (b"eXIf", b"tEXt", b"zTXt", b"iTXt")
        file.seek(int.from_bytes(head[:4], "big") + 4, 1)
    file.seek(position)
    return plain

"""How a picture is stored in its file. Needs no torch."""

from typing import NamedTuple

from PIL import ExifTags, Image, TiffImagePlugin

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_DEPTH = 24  # byte of IHDR: signature 8, length 4, kind 4, width 4, height 4
_BITS_PER_SAMPLE = 258  # TIFF 6.0, section 4
_PREVIEWS = "MPO"  # a JPEG of a camera or telephone with a preview or a gain map behind it
_BITS = {"I": 32, "F": 32}


class Encoding(NamedTuple):
    """`format`: Pillow's name, "" in memory. `mode`: Pillow's, as stored. `bits`: of a channel.

    `frames`: pages or pictures of an animation; the previews behind a camera's JPEG do not count. `orientation`: EXIF
    tag 274, 1 upright; TIFF files count as upright.
    """

    format: str = ""
    mode: str = ""
    bits: int = 8
    frames: int = 1
    orientation: int = 1


def encoding_of(image: Image.Image, data: bytes) -> Encoding:
    """image: as decoded from `data`, before anything was done to it."""
    camera = image.format == _PREVIEWS
    found = "JPEG" if camera else image.format or ""
    return Encoding(found, image.mode, _bits(image, data), 1 if camera else _frames(image), _orientation(image))


def _bits(image: Image.Image, data: bytes) -> int:
    if data.startswith(_PNG_SIGNATURE):
        return data[_PNG_DEPTH]
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return max(image.tag_v2.get(_BITS_PER_SAMPLE, (8,)))
    return 16 if image.mode.startswith("I;16") else _BITS.get(image.mode, 8)


def _frames(image: Image.Image) -> int:
    try:
        return getattr(image, "n_frames", 1)
    except Exception:  # what follows the first picture may be damaged
        return 1


def _orientation(image: Image.Image) -> int:
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # damaged metadata is no reason to lose the picture
        return 1
    return orientation if orientation in range(1, 9) else 1

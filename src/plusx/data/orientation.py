"""EXIF orientation: how a camera was held, and the picture put upright. Needs no torch."""

from typing import Final

from PIL import ExifTags, Image

TRANSPOSED: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF 2.3, tag 274 → what puts the picture upright."""

LYING: Final = frozenset(TRANSPOSED[orientation] for orientation in (5, 6, 7, 8))
"""Those that exchange height and width."""


def turn_of(image: Image.Image) -> Image.Transpose | None:
    """What puts it upright; None where it is, and where its metadata are damaged: no reason to lose the picture."""
    try:
        return TRANSPOSED.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # whatever Pillow stumbles over
        return None


def upright(image: Image.Image) -> Image.Image:
    """Turned as its EXIF orientation says."""
    turn = turn_of(image)
    return image if turn is None else image.transpose(turn)

"""How many pixels a picture may have before a decoder runs on it. Needs no torch.

The header of a file of 100 bytes can promise a picture that fills all memory. The limit holds for images and masks
alike, in audit, training, prediction and behind exported files.
"""

import os
from typing import Final

from PIL import Image

from plusx.core.errors import DataError, InputError

MOST_PIXELS: Final = 170_000_000
"""Height × width; some 7 bytes of memory each while a picture is decoded. Cameras of 150 megapixels are below it."""

VARIABLE: Final = "PLUSX_MAX_PIXELS"
"""Environment variable that says another limit, for this process and those that it starts."""


def most_pixels() -> int:
    """The limit. InputError where the variable holds no whole number above 0."""
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        return MOST_PIXELS
    if not (text.isascii() and text.isdecimal() and 0 < len(text) < 19 and int(text)):
        raise InputError(f"{VARIABLE} is {text!r}; expected a whole number of pixels, such as {MOST_PIXELS}.")
    return int(text)


def check_pixels(height: int, width: int) -> None:
    """DataError for a picture of more than `most_pixels`."""
    if height * width > (most := most_pixels()):
        raise DataError(f"{width}×{height} pixels: {too_many(most)}")


def too_many(most: int) -> str:
    """What was found, in words, and what to do."""
    return (
        f"more than the {most} pixels that are allowed, to keep memory safe. Use a smaller copy: any image "
        "editor makes one, or ImageMagick, `magick large.png -resize 4096x4096 small.png`. For files that you trust, "
        f"set the environment variable {VARIABLE} to a larger number."
    )


def heed_own_limit() -> None:
    """Pillow has a limit of its own, which has to give way where the user asked for more; it is never lowered.

    InputError as `most_pixels`.
    """
    most = most_pixels()
    if most > MOST_PIXELS and Image.MAX_IMAGE_PIXELS is not None:
        Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS, most)


def too_many_for_pillow() -> str:
    """`too_many` where Pillow refused before we could, at twice the size at which it begins to warn."""
    return too_many(min(most_pixels(), 2 * (Image.MAX_IMAGE_PIXELS or most_pixels())))

"""From a file or any image in memory to 8-bit pixels, the same way in audit, training, prediction and export."""

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from plusx.core.sample import ImageSource

Mode: TypeAlias = Literal["RGB", "L"]

IMAGE_SUFFIXES = frozenset(".jpg .jpeg .jpe .jfif .png .apng .webp .bmp .dib .tif .tiff .gif .ppm .pgm .pbm".split())
"""File name endings, in lower case, that are taken for images."""


def read_image(source: ImageSource, mode: Mode = "RGB") -> NDArray[np.uint8]:
    """uint8 H, W, C with C = 3 (RGB) or 1 (L), C-contiguous; DataError names the file and says what is wrong."""
    raise NotImplementedError

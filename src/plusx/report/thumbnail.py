"""Small JPEGs of images for a page. Needs no torch."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from plusx.core.errors import PlusxError
from plusx.core.sample import ImageSource
from plusx.data.images import read_image

_MARK = (226, 61, 40)


def thumbnail(source: ImageSource, side: int = 200, boxes: NDArray[Any] | None = None) -> bytes | None:
    """The image, `side` pixels long; None if it cannot be read. Small ones grow, with their pixels as squares.

    boxes: (N, 4) x1, y1, x2, y2 in pixels, drawn on it.
    """
    try:
        picture = Image.fromarray(read_image(source, "RGB"))
    except PlusxError:
        return None
    scale = side / max(picture.size)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    filter = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BICUBIC  # noqa: A001
    small = picture.resize(size, filter)
    for x1, y1, x2, y2 in (np.asarray(boxes) * scale).tolist() if boxes is not None else ():
        ImageDraw.Draw(small).rectangle((x1, y1, max(x2, x1), max(y2, y1)), outline=_MARK, width=2)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()

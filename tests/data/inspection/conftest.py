import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def jpeg() -> Callable[..., bytes]:
    """Encodes a photo-like picture: smooth, with noise."""

    def encode(height: int = 96, width: int = 128, mode: str = "RGB", **settings: Any) -> bytes:
        y, x = np.mgrid[0:height, 0:width]
        noise = np.random.default_rng(height * width).normal(0, 12, (height, width, 3))
        pixels = np.stack([x * 255 / width, y * 255 / height, 255 - x * 255 / width], axis=2) + noise
        file = io.BytesIO()
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).convert(mode).save(file, "JPEG", **settings)
        return file.getvalue()

    return encode


@pytest.fixture
def cut() -> Callable[[bytes, float], bytes]:
    """Cuts a JPEG off after a part of the data of its last scan and appends an end marker."""

    def shorten(data: bytes, part: float) -> bytes:
        start = data.rindex(b"\xff\xda") + 14
        return data[: start + int((len(data) - start - 2) * part)] + b"\xff\xd9"

    return shorten

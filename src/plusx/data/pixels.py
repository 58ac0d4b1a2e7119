"""Arrays of any number type and channel order to 8-bit H, W, C. The scale is decided once for a whole array."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plusx.core.errors import DataError

CHANNELS = (1, 3, 4)
"""Grey, RGB, RGB with alpha."""


_PART = 1 << 22  # numbers


def as_array(values: Any) -> NDArray[Any]:
    """A numpy view of an array, a tensor on the CPU, or nested sequences. DataError for anything else."""
    try:
        array = np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(
            f"{type(values).__name__} cannot be read as an array: {error}. "
            "Give a numpy array or a tensor on the CPU that needs no gradient (.detach().cpu())."
        ) from error
    if array.dtype.kind not in "buif":
        raise DataError(
            f"{type(values).__name__} holds {array.dtype}, not numbers. An image is a file, a PIL image, "
            "or an array of numbers H×W, H×W×C or C×H×W."
        )
    if array.size == 0:
        raise DataError(f"Array of shape {array.shape} holds no pixels.")
    return array


def scale_of(array: NDArray[Any]) -> float:
    """What its values have to be multiplied with to reach 0..255.

    bool: 255. uint16: 1/257, its whole range is 16 bits. Other integers: 1, they must lie in 0..255. Floats: 255 if
    all lie in 0..1, else 1 if all lie in 0..255. DataError for negative, non-finite and larger values.
    """
    if array.dtype.kind == "b":
        return 255.0
    if array.dtype == np.uint8:
        return 1.0
    if array.dtype.kind == "u" and array.dtype.itemsize == 2:
        return 1 / 257
    low, high = float(array.min()), float(array.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise DataError(_not_finite(array))
    if not (low >= 0 and high <= 255):
        raise DataError(
            f"Pixel values of type {array.dtype} lie in {low:g}..{high:g}; expected 0..255, or 0..1 for floats. "
            "Give pixels as they are in the image: normalisation is done by plusx."
        )
    return 255.0 if array.dtype.kind == "f" and high <= 1 else 1.0


def _not_finite(array: NDArray[Any]) -> str:
    bad = ~np.isfinite(array)
    first = [int(index) for index in np.unravel_index(int(bad.argmax()), array.shape)]
    return (
        f"{np.count_nonzero(bad)} of {array.size} pixel values are NaN or infinite, the first at index {first}; "
        "expected 0..255, or 0..1 for floats. Replace them, or leave those images out."
    )


def to_uint8(array: NDArray[Any], scale: float) -> NDArray[np.uint8]:
    """`array` × `scale`, rounded to the nearest of 0..255; uint8 at scale 1 is returned as it is."""
    if array.dtype == np.uint8 and scale == 1:
        return array
    found = np.empty(array.shape, np.uint8)
    rows = max(1, _PART * len(array) // max(1, array.size))
    for top in range(0, len(array), rows):  # so that a large one needs little more than the result
        part = slice(top, top + rows)
        found[part] = np.rint(array[part].astype(np.float32) * np.float32(scale)).astype(np.uint8)
    return found


def channels_last(array: NDArray[Any]) -> NDArray[Any]:
    """H, W and H, W, C stay, C, H, W is turned to H, W, C. Where both could be meant, the last dimension wins."""
    if array.ndim == 2 or (array.ndim == 3 and array.shape[-1] in CHANNELS):
        return array
    if array.ndim == 3 and array.shape[0] in CHANNELS:
        return array.transpose(1, 2, 0)
    raise DataError(
        f"Array of shape {array.shape} is no image; expected H×W, H×W×C or C×H×W with 1, 3 or 4 channels (C)."
    )

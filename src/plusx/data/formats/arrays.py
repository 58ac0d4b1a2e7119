"""Arrays and tensors (x, y), as in Keras: ((x_train, y_train), (x_test, y_test)) as well. Pixels are not copied."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plusx.core.errors import DataError
from plusx.core.sample import ImageSource, Kind
from plusx.data.formats.format import FORMATS, Entries, Entry, Format, is_instance_of
from plusx.data.formats.indicators import from_indicators
from plusx.data.formats.joining import joined
from plusx.data.formats.options import ReadOptions
from plusx.data.formats.splits import Split
from plusx.data.pixels import CHANNELS, as_array, scale_of, to_uint8

LAYOUT = "arrays or tensors (x, y): x N×H×W, N×H×W×C or N×C×H×W, y N labels, N×1, or N×K one-hot"


@dataclass(frozen=True, slots=True)
class ArrayImage:
    """Image `index` of an array; the scale of the whole array holds for every image."""

    array: NDArray[Any]  # N, H, W or N, H, W, C
    index: int
    scale: float

    def __call__(self) -> NDArray[np.uint8]:
        return to_uint8(self.array[self.index], self.scale)


def recognise(source: Any, options: ReadOptions) -> bool:
    """A pair of two arrays, tensors or lists, or a pair of such pairs."""
    return isinstance(source, tuple) and len(source) == 2 and all(_sized(part) for part in source)


def _sized(part: Any) -> bool:
    return isinstance(part, (list, tuple)) or is_array(part)


def is_array(part: Any) -> bool:
    return isinstance(part, np.ndarray) or is_instance_of(part, "torch", "Tensor")


def read(source: Any, options: ReadOptions) -> Entries:
    """One pair is "train"; of two pairs the second is "test", as Keras' data sets give them."""
    first, second = source
    if _is_pair(first) and _is_pair(second):
        return joined(_read_pair(first, "train", options), _read_pair(second, "test", options))
    return _read_pair(source, "train", options)


def _is_pair(part: Any) -> bool:
    return isinstance(part, (tuple, list)) and len(part) == 2 and all(is_array(side) for side in part)


def _read_pair(pair: Any, split: Split, options: ReadOptions) -> Entries:
    x, y = pair
    images, notes = _images(x)
    kind, labels = labels_of(y, options.kind)
    if len(images) != len(labels):
        raise DataError(
            f"x holds {len(images)} images and y {len(labels)} labels; expected equally many: "
            f"{'an image is' if len(labels) < len(images) else 'a label is'} without its partner."
        )
    pairs = enumerate(zip(images, labels, strict=True))
    entries = [Entry(image, label, f"{split}[{row}]", split) for row, (image, label) in pairs]
    if not entries:
        raise DataError("x and y are empty; expected at least two images.")
    return Entries(entries, kind, notes=tuple(notes))


def _images(x: Any) -> tuple[Sequence[ImageSource], list[str]]:
    if isinstance(x, (list, tuple)):
        return [Path(image) if isinstance(image, str) else image for image in x], []
    array = _images_last(x, as_array(x))
    scale = scale_of(array)
    images = [ArrayImage(array, index, scale) for index in range(len(array))]
    shape = "×".join(map(str, array.shape))
    if array.dtype == np.uint8:
        return images, [f"x: {shape} (N×H×W×C)" if array.ndim == 4 else f"x: {shape} (N×H×W)"]
    low, high = float(array.min()), float(array.max())
    return images, [f"x: {shape} {array.dtype}, values {low:g}..{high:g} taken as 0..{255 / scale:g}"]


def _images_last(x: Any, array: NDArray[Any]) -> NDArray[Any]:
    """A view N, H, W or N, H, W, C. Where both dimensions could be the channels: tensors have them first."""
    if array.ndim == 3:
        return array
    if array.ndim == 4:
        first, last = array.shape[1] in CHANNELS, array.shape[3] in CHANNELS
        if first and (not last or is_instance_of(x, "torch", "Tensor")):
            return array.transpose(0, 2, 3, 1)
        if last:
            return array
    raise DataError(f"x has the shape {array.shape}; expected N×H×W, N×H×W×C or N×C×H×W with 1, 3 or 4 channels (C).")


def labels_of(y: Any, kind: Kind | None) -> tuple[Kind | None, list[Any]]:
    """Kind, None while only all splits together can tell, and one label per image.

    One-hot rows become class indices, other rows of 0 and 1 tuples of them, rows of real numbers tuples of values.
    Decimal numbers are values, unless all are 0 or 1.
    """
    if isinstance(y, (list, tuple)) and any(label is None or isinstance(label, (list, tuple, str)) for label in y):
        return None, list(y)
    array = np.asarray(y) if _is_text(y) else as_array(y)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim == 1:
        return None, array.tolist()
    if array.ndim != 2:
        raise DataError(f"y has the shape {array.shape}; expected N labels, N×1, or N×K (one-hot or values).")
    indicated = from_indicators(array, range(array.shape[1]), kind)
    return indicated or ("value", [tuple(row) for row in array.tolist()])


def _is_text(y: Any) -> bool:
    return isinstance(y, np.ndarray) and y.dtype.kind in "UTO"


FORMATS.register("arrays")(Format(recognise, read, LAYOUT, rank=2))

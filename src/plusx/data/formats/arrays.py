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
from plusx.data.formats.placed_labels import has_place, placed
from plusx.data.formats.splits import Split
from plusx.data.pixels import CHANNELS, as_array, scale_of, to_uint8

LAYOUT = "arrays or tensors (x, y): x N×H×W, N×H×W×C or N×C×H×W, y N labels, N×1, or N×K one-hot; masks N×H×W, "
LAYOUT += "or a list of masks or of dicts with boxes and labels"


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
    called = "x" if split == "train" else f"x ({split})"
    images, labels = _count(x), _count(y)
    if images != labels:
        partner = "an image is" if labels < images else "a label is"
        raise DataError(
            f"{called} holds {images} images{_shape(x)} and y {labels} labels{_shape(y)}; expected equally many: "
            f"{partner} without its partner."
        )
    if not images:
        raise DataError(f"{called} and y are empty; expected at least two images.")
    sources, notes = _images(x, called)
    if y.ndim > 2 if is_array(y) else has_place(y[0]):
        names = [f"{split}[{row}]" for row in range(images)]
        own = placed(sources, list(y), names, (), options)
        rows = zip(sources, own.labels, names, strict=True)
        return Entries(
            [Entry(image, label, name, split) for image, label, name in rows],
            own.kind,
            own.classes,
            notes=(*notes, *own.notes),
        )
    kind, found, classes = labels_of(y, options.kind)
    pairs = enumerate(zip(sources, found, strict=True))
    entries = [Entry(image, label, f"{split}[{row}]", split) for row, (image, label) in pairs]
    return Entries(entries, kind, classes, notes=tuple(notes))


def _count(part: Any) -> int:
    """Rows; 1 for a bare number in an array."""
    return len(part) if isinstance(part, (list, tuple)) or part.ndim else 1


def _shape(part: Any) -> str:
    """How a message shows the shape of an array that has more than rows."""
    return f" (shape {_times(part.shape)})" if is_array(part) and part.ndim > 1 else ""


def _times(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape))


def _images(x: Any, called: str) -> tuple[Sequence[ImageSource], list[str]]:
    if isinstance(x, (list, tuple)):
        return [Path(image) if isinstance(image, str) else image for image in x], []
    given = as_array(x)
    array, layout = _images_last(x, given, called)
    try:
        scale = scale_of(given)
    except DataError as error:
        raise DataError(f"{called}, {_times(given.shape)} ({layout}): {error}") from error
    images = [ArrayImage(array, index, scale) for index in range(len(array))]
    text = f"{called}: {_times(given.shape)} ({layout})"
    if given.dtype == np.uint8:
        return images, [text]
    low, high = float(given.min()), float(given.max())
    return images, [f"{text} {given.dtype}, values {low:g}..{high:g} taken as 0..{255 / scale:g}"]


def _images_last(x: Any, array: NDArray[Any], called: str) -> tuple[NDArray[Any], str]:
    """A view N, H, W or N, H, W, C, and the order in which the dimensions came.

    Where both could be the channels: tensors have them first.
    """
    if array.ndim == 3:
        return array, "N×H×W"
    if array.ndim == 4:
        first, last = array.shape[1] in CHANNELS, array.shape[3] in CHANNELS
        if first and (not last or is_instance_of(x, "torch", "Tensor")):
            return array.transpose(0, 2, 3, 1), "N×C×H×W"
        if last:
            return array, "N×H×W×C"
    expected = "expected N×H×W, N×H×W×C or N×C×H×W with 1, 3 or 4 channels (C)"
    raise DataError(f"{called} has the shape {array.shape}; {expected}.")


def labels_of(y: Any, kind: Kind | None) -> tuple[Kind | None, list[Any], tuple[str, ...]]:
    """Kind, None while only all splits together can tell; one label per image; the classes where `y` declares them.

    One-hot rows become class indices, other rows of 0 and 1 tuples of them; every column is a class, whether or not
    any row has it. Rows of real numbers become tuples of values. Decimal numbers are values, unless all are 0 or 1.
    """
    if isinstance(y, (list, tuple)) and not _is_matrix(y) and not all(map(_is_plain, y)):
        return None, list(y), ()
    array = np.asarray(y) if _is_text(y) else as_array(y)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim == 1:
        return None, array.tolist(), ()
    if array.ndim != 2:
        raise DataError(f"y has the shape {array.shape}; expected N labels, N×1, or N×K (one-hot or values).")
    indicated = from_indicators(array, range(array.shape[1]), kind)
    if indicated is None:
        return "value", [tuple(row) for row in array.tolist()], ()
    return *indicated, tuple(map(str, range(array.shape[1])))


def _is_plain(label: Any) -> bool:
    return label is not None and not isinstance(label, (list, tuple, str))


def _is_matrix(y: Sequence[Any]) -> bool:
    """Whether lists in a list are rows of 0 and 1, or of decimal numbers; else they are lists of classes."""
    if not y or not all(isinstance(row, (list, tuple)) and len(row) == len(y[0]) > 1 for row in y):
        return False
    cells = [cell for row in y for cell in row]
    if not all(isinstance(cell, (int, float)) for cell in cells):
        return False
    return all(cell in (0, 1) for cell in cells) or any(isinstance(cell, float) for cell in cells)


def _is_text(y: Any) -> bool:
    return isinstance(y, np.ndarray) and y.dtype.kind in "UTO"


FORMATS.register("arrays")(Format(recognise, read, LAYOUT, rank=2))

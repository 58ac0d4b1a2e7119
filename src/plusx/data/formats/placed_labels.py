"""Labels in memory that have a place in the image: masks, layers of masks, and boxes as torchvision's data sets have
them. Needs no torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from plusx.core.errors import DataError
from plusx.core.masks import VOID, LazyMask, Masks
from plusx.core.sample import ImageSource, Kind
from plusx.data.formats.boxes import Drawn, Form, Row, drawn
from plusx.data.formats.classes import class_name
from plusx.data.formats.format import is_instance_of
from plusx.data.formats.mask_classes import classes_of
from plusx.data.formats.options import ReadOptions
from plusx.data.masks import MaskFile, read_values
from plusx.data.orientation import upright
from plusx.data.pixels import as_array, channels_last
from plusx.data.sizes import read_size

BOXES = "a dict with boxes (N, 4: x1, y1, x2, y2 in pixels) and labels (N)"

FORM = Form("x1, y1, x2, y2", lambda written, size: written)


@dataclass(frozen=True)
class Placed:
    """What the labels are: their kind, one for each image, and the classes, empty where the labels' own names count."""

    kind: Kind
    labels: Sequence[Any]
    classes: tuple[str, ...]
    notes: tuple[str, ...] = ()


def has_place(label: Any) -> bool:
    """Whether it is a mask, layers of masks, or boxes: a dict, a picture, or an array of two dimensions or more."""
    return isinstance(label, (Mapping, Image.Image)) or (_is_array(label) and label.ndim >= 2)


def _is_array(label: Any) -> bool:
    return isinstance(label, np.ndarray) or is_instance_of(label, "torch", "Tensor")


def placed(
    images: Sequence[ImageSource],
    labels: Sequence[Any],
    names: Sequence[str],
    declared: tuple[str, ...],
    options: ReadOptions,
) -> Placed:
    """labels: themselves, or functions that fetch them. declared: classes that the data set names.

    DataError, with one of `names`, for what is none of these, or does not fit its image.
    """
    first = fetched(labels[0])
    if isinstance(first, Mapping):
        rows = zip(images, labels, names, strict=True)
        return Placed("boxes", [_boxes(fetched(label), image, name, declared) for image, label, name in rows], declared)
    rows = zip(images, labels, names, strict=True)
    masks = [MemoryMask(label, image, f"mask of {name}") for image, label, name in rows]
    if options.kind == "masks" or (options.kind is None and masks[0]().ndim == 3):
        return _layers(masks, options.classes or declared)
    found = classes_of(masks, None, options.classes or declared or None, options.boundary)
    return Placed("mask", [MaskFile(mask, found.coding, mask.name) for mask in masks], found.names, tuple(found.notes))


def fetched(label: Any) -> Any:
    while callable(label):
        label = label()
    return label


@dataclass(frozen=True, slots=True)
class MemoryMask:
    """A mask in memory, or a function that fetches it; called, it is an array (H, W) or (K, H, W).

    Whole numbers of any width that fit into 8 bits become uint8, but for uint16, which is what files of instances hold.
    DataError for a mask of another size than its image.
    """

    label: Any
    image: ImageSource
    name: str

    def __str__(self) -> str:
        return self.name

    def __call__(self) -> Any:
        array = self._array()
        size = size_of(self.image)
        if size is not None and array.shape[-2:] != size:
            (height, width), (rows, columns) = array.shape[-2:], size
            raise DataError(
                f"{self.name}: {width}×{height} pixels, its image has {columns}×{rows}; they must be equal. Expected "
                "H×W, or classes×H×W for several classes a pixel."
            )
        return array

    def _array(self) -> NDArray[Any]:
        label = fetched(self.label)
        try:
            array = read_values(label) if isinstance(label, Image.Image) else as_array(label)
        except DataError as error:
            raise DataError(f"{self.name}: {str(error).removeprefix('mask in memory: ')}") from error
        if array.ndim == 3 and 1 in (array.shape[0], array.shape[2]):
            array = array[0] if array.shape[0] == 1 else array[:, :, 0]
        if array.ndim not in (2, 3):
            raise DataError(f"{self.name} has the shape {array.shape}; expected H×W, or classes×H×W.")
        if array.dtype.kind == "i" and int(array.min()) < 0:
            lowest = int(array.min())
            raise DataError(f"{self.name} holds {lowest}; classes count from 0, {VOID} is void. Replace such values.")
        fits = array.dtype.kind in "biu" and array.dtype != np.uint16 and int(array.max()) <= VOID
        return array.astype(np.uint8) if fits else array


@dataclass(frozen=True, slots=True)
class MemoryLayers(LazyMask):
    """Layers in memory, (classes, H, W) of 0, 1 and 255 (void)."""

    mask: MemoryMask
    classes: int

    def load(self) -> Masks:
        """DataError naming the image, for another number of layers or another value."""
        values = self.mask()
        if values.ndim != 3 or len(values) != self.classes:
            raise DataError(f"{self.mask} has the shape {values.shape}; expected {self.classes} layers, classes×H×W.")
        strange = np.setdiff1d(values, (0, 1, VOID))
        if strange.size:
            raise DataError(f"{self.mask} holds {strange[0]:g}; expected 0, 1, and {VOID} for void in every layer.")
        return Masks(values.astype(np.uint8))


def _layers(masks: Sequence[MemoryMask], declared: tuple[str, ...]) -> Placed:
    count = masks[0]().shape[0]
    classes = declared or tuple(map(str, range(count)))
    layers = [MemoryLayers(mask, len(classes)) for mask in masks]
    for one in layers:
        one.load()
    return Placed("masks", layers, classes)


def _boxes(label: Any, image: ImageSource, name: str, declared: tuple[str, ...]) -> Drawn:
    if not isinstance(label, Mapping) or not {"boxes", "labels"} <= label.keys():
        found = f"the keys {', '.join(map(str, label))}" if isinstance(label, Mapping) else type(label).__name__
        raise DataError(f"{name}: the label has {found}; expected {BOXES}, as torchvision's wrapped data sets give it.")
    corners = _corners(label["boxes"], name)
    names = [_named(one, declared, name) for one in _column(label["labels"])]
    crowds = _column(label.get("iscrowd", [0] * len(corners)))
    areas = _column(label.get("area", [float("nan")] * len(corners)))
    if not len(corners) == len(names) == len(crowds) == len(areas):
        raise DataError(
            f"{name}: {len(corners)} boxes, {len(names)} labels, {len(crowds)} iscrowd, {len(areas)} areas; expected "
            "equally many."
        )
    columns = enumerate(zip(corners.tolist(), names, crowds, areas, strict=True))
    rows = [Row(tuple(box), own, number, bool(crowd), float(area)) for number, (box, own, crowd, area) in columns]
    return drawn(rows, size_of(image), name, "box", FORM)


def _corners(boxes: Any, name: str) -> NDArray[np.float64]:
    form = getattr(getattr(boxes, "format", None), "name", "XYXY")  # of a torchvision BoundingBoxes
    array = np.asarray(boxes, np.float64)
    if array.size == 0:
        return np.empty((0, 4))
    if form != "XYXY" or array.ndim != 2 or array.shape[1] != 4:
        raise DataError(f"{name}: boxes of shape {array.shape} in the format {form}; expected N×4: x1, y1, x2, y2.")
    return array


def _column(values: Any) -> list[Any]:
    return list(values) if isinstance(values, (list, tuple)) else np.asarray(values).reshape(-1).tolist()


def _named(label: Any, declared: tuple[str, ...], name: str) -> str:
    """The class that a number stands for, where the data set names its classes; else what is written."""
    number = label.item() if hasattr(label, "item") else label
    if not declared or isinstance(number, str):
        return class_name(number)
    if not 0 <= number < len(declared):
        raise DataError(f"{name}: label {number} is outside of 0..{len(declared) - 1}, the indices of the classes.")
    return declared[number]


def size_of(image: ImageSource) -> tuple[int, int] | None:
    """(height, width) of the upright picture; None where it cannot be read, which the audit will say."""
    try:
        image = fetched(image)
        if isinstance(image, (str, Path)):
            return read_size(Path(image))[:2]
        if isinstance(image, Image.Image):
            width, height = upright(image).size
            return height, width
        height, width = channels_last(as_array(image)).shape[:2]
    except Exception:  # functions of the user's own data set may raise anything
        return None
    return height, width

"""Predictions as pictures: drawn on their image or said below it, masks as files of class indices. Needs no torch."""

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from plusx.core.errors import InputError, StorageError
from plusx.core.prediction import (
    DRAWERS,
    BoxesPrediction,
    LabelPrediction,
    LabelsPrediction,
    MaskPrediction,
    MasksPrediction,
    Prediction,
    ValuePrediction,
)
from plusx.core.sample import ImageSource
from plusx.data.images import read_image
from plusx.report.overlay import Found, Lettering, colour_of, draw_boxes, draw_caption, draw_mask, draw_masks

BACKGROUND = "background"
"""A class of that name is left as it is in drawn masks."""

LIKELY = 3
"""Classes in the caption of an image that has one label."""


@DRAWERS.register("picture")
def draw(image: ImageSource, prediction: Prediction, *, font: Path | None = None) -> Image.Image:
    """`image` with what was predicted for it: boxes with names and scores, masks with a legend, or labels and values
    in a caption.

    image: a path, array or PIL image, as `predict` takes them. font: a file for class names that Pillow's own font,
    ASCII alone, cannot draw; without it they are drawn as #index. InputError for an image of another size than
    the one that was predicted on.
    """
    return drawn(read_image(image, "RGB"), prediction, _classes_of(prediction), font)


def drawn(
    pixels: NDArray[np.uint8], prediction: Prediction, classes: Sequence[str], font: Path | None = None
) -> Image.Image:
    """As `draw`, for pixels (H, W, 3 or 1); `classes`: all, so that each has the same colour in every picture."""
    if pixels.shape[2] == 1:
        pixels = pixels.repeat(3, axis=2)
    lettering = Lettering(tuple(classes), font)
    match prediction:
        case BoxesPrediction():
            _check_size(pixels, prediction, prediction.size)
            index = {name: number for number, name in enumerate(classes)}
            boxes = [Found((b.x1, b.y1, b.x2, b.y2), index[b.label], b.score) for b in prediction.boxes]
            return draw_boxes(pixels, boxes, lettering)
        case MaskPrediction():
            _check_size(pixels, prediction, prediction.mask.shape)
            quiet = frozenset(index for index, name in enumerate(classes) if name == BACKGROUND)
            return draw_mask(pixels, prediction.mask, lettering, quiet=quiet)
        case MasksPrediction():
            _check_size(pixels, prediction, prediction.masks.shape[1:])
            return draw_masks(pixels, prediction.masks, lettering)
    index = {name: number for number, name in enumerate(classes)}
    return draw_caption(pixels, [(index[name], said) for name, said in _said(prediction)], lettering)


def _check_size(pixels: NDArray[np.uint8], prediction: Prediction, size: tuple[int, ...] | None) -> None:
    """size: (height, width) of what was predicted on."""
    if size is not None and size != pixels.shape[:2]:
        (height, width), (rows, columns) = pixels.shape[:2], size
        what = "boxes in an image" if isinstance(prediction, BoxesPrediction) else "a mask"
        raise InputError(
            f"{prediction.name}: {what} of {columns}×{rows} pixels for an image of {width}×{height}. Give the image "
            "that was predicted on."
        )


def _said(prediction: Prediction) -> list[tuple[str, str]]:
    """Names and what is said of them, of a prediction for the whole image."""
    match prediction:
        case LabelPrediction():
            return [
                (name, f"{share:.1%}") for name, share in itertools.islice(prediction.probabilities.items(), LIKELY)
            ]
        case LabelsPrediction():
            return [(name, f"{prediction.probabilities[name]:.1%}") for name in prediction.labels]
        case ValuePrediction():
            return [(name, f"{value:.4g}") for name, value in prediction.values.items()]
        case _:
            raise AssertionError(f"no words for {type(prediction).__name__}")


def check_folder(folder: Path) -> None:
    """InputError for a folder that holds something already: pictures of two calls would lie side by side."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} exists and is not empty. Give a new folder with --save, or empty it.")


def keep(folder: Path, pixels: NDArray[np.uint8], prediction: Prediction, classes: Sequence[str]) -> None:
    """Writes NAME.png with the drawing and, of a mask, NAME.mask.png with an index a pixel; of masks that may overlap
    NAME.CLASS.mask.png for every class, black and white.

    NAME is the image's without its suffix; where another image had it, with the folder it lies in before it, and so on.
    StorageError when the disk refuses.
    """
    files = {".png": drawn(pixels, prediction, classes)}
    if isinstance(prediction, MaskPrediction):
        files[".mask.png"] = indexed(prediction)
    if isinstance(prediction, MasksPrediction):
        masks = zip(_in_file_names(prediction.classes), prediction.masks, strict=True)
        files |= {f".{name}.mask.png": Image.fromarray(mask) for name, mask in masks}
    name = _free_name(folder, prediction.name, files)
    for ending, picture in files.items():
        _write(folder / f"{name}{ending}", picture)


def _in_file_names(classes: Sequence[str]) -> list[str]:
    """Those that would be the same there have their index behind them."""
    names = [_plain(label).replace("/", "_") for label in classes]
    counts = Counter(map(str.casefold, names))
    return [name if counts[name.casefold()] == 1 else f"{name} {index}" for index, name in enumerate(names)]


def _free_name(folder: Path, image: str, endings: Iterable[str]) -> str:
    """With none of the endings there yet."""
    path = PurePath(_plain(image))
    parts = [*path.parent.parts, path.stem or "image"]
    longer = ["_".join(part.strip("/") for part in parts[-count:]) for count in range(1, len(parts) + 1)]
    numbered = (f"{longer[-1]} {number}" for number in itertools.count(2))
    free = (
        name for name in itertools.chain(longer, numbered) if not any((folder / f"{name}{e}").exists() for e in endings)
    )
    return next(free)


def _plain(name: str) -> str:
    """Without what file systems refuse."""
    return re.sub(r'[:*?"<>|\\\x00-\x1f]', "_", name)


def indexed(prediction: MaskPrediction) -> Image.Image:
    """The mask as a palette image: pixels are class indices, shown in the colours of the drawings."""
    picture = Image.fromarray(prediction.mask, "L")
    picture.putpalette([part for label in range(len(prediction.classes)) for part in colour_of(label)])
    return picture


def _write(path: Path, picture: Image.Image) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path, format="PNG")
    except OSError as error:
        path.unlink(missing_ok=True)
        raise StorageError(f"{path} could not be written: {error.strerror or error}.") from error


def _classes_of(prediction: Any) -> tuple[str, ...]:
    match prediction:
        case MaskPrediction() | MasksPrediction():
            return prediction.classes
        case BoxesPrediction():
            return prediction.classes or tuple(dict.fromkeys(box.label for box in prediction.boxes))
        case LabelPrediction() | LabelsPrediction():
            return tuple(prediction.probabilities)
        case ValuePrediction():
            return tuple(prediction.values)
    return ()

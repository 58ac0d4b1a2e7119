"""Predictions as pictures: boxes and masks drawn on their image, masks as files of class indices. Needs no torch."""

import itertools
import re
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from plusx.core.errors import InputError, StorageError
from plusx.core.prediction import BoxesPrediction, MaskPrediction, Prediction
from plusx.core.sample import ImageSource
from plusx.data.images import read_image
from plusx.report.overlay import Found, Lettering, colour_of, draw_boxes, draw_mask

BACKGROUND = "background"
"""A class of that name is left as it is in drawn masks."""


def draw(image: ImageSource, prediction: Prediction, *, font: Path | None = None) -> Image.Image:
    """`image` with what was predicted for it: boxes with names and scores, or masks with a legend.

    image: a path, array or PIL image, as `predict` takes them. font: a file for class names that Pillow's own font,
    ASCII alone, cannot draw; without it they are drawn as #index. InputError for predictions that have no place.
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
            index = {name: number for number, name in enumerate(classes)}
            boxes = [Found((b.x1, b.y1, b.x2, b.y2), index[b.label], b.score) for b in prediction.boxes]
            return draw_boxes(pixels, boxes, lettering)
        case MaskPrediction():
            quiet = frozenset(index for index, name in enumerate(classes) if name == BACKGROUND)
            return draw_mask(pixels, prediction.mask, lettering, quiet=quiet)
    raise InputError(f"{type(prediction).__name__} has no place in the image; boxes and masks can be drawn")


def check_folder(folder: Path) -> None:
    """InputError for a folder that holds something already: pictures of two calls would lie side by side."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} exists and is not empty. Give a new folder with --save, or empty it.")


def keep(folder: Path, pixels: NDArray[np.uint8], prediction: Prediction, classes: Sequence[str]) -> None:
    """Writes NAME.png with the drawing and, of a mask, NAME.mask.png with an index a pixel.

    NAME is the image's without its suffix; where another image had it, with the folder it lies in before it, and so on.
    StorageError when the disk refuses.
    """
    name = _free_name(folder, prediction.name)
    _write(folder / f"{name}.png", drawn(pixels, prediction, classes))
    if isinstance(prediction, MaskPrediction):
        _write(folder / f"{name}.mask.png", indexed(prediction))


def _free_name(folder: Path, image: str) -> str:
    path = PurePath(re.sub(r'[:*?"<>|\\]', "_", image))
    parts = [*path.parent.parts, path.stem or "image"]
    longer = ["_".join(part.strip("/") for part in parts[-count:]) for count in range(1, len(parts) + 1)]
    numbered = (f"{longer[-1]} {number}" for number in itertools.count(2))
    return next(name for name in itertools.chain(longer, numbered) if not (folder / f"{name}.png").exists())


def indexed(prediction: MaskPrediction) -> Image.Image:
    """The mask as a palette image: pixels are class indices, shown in the colours of the drawings."""
    picture = Image.fromarray(prediction.mask, "L")
    picture.putpalette([part for label in range(len(prediction.classes)) for part in colour_of(label)])
    return picture


def _write(path: Path, picture: Image.Image) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise StorageError(f"{path} could not be written: {error.strerror or error}.") from error


def _classes_of(prediction: Any) -> tuple[str, ...]:
    match prediction:
        case MaskPrediction():
            return prediction.classes
        case BoxesPrediction():
            return tuple(dict.fromkeys(box.label for box in prediction.boxes))
    return ()

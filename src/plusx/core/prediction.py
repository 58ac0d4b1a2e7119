"""What `predict` returns for one image. Made from plain numbers, so that no torch is needed with an exported file."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from plusx.core.errors import InputError
from plusx.core.registry import Registry

if TYPE_CHECKING:
    from PIL.Image import Image


class Drawer(Protocol):
    """Puts a prediction on its image: a path, array or PIL image. font: a file for names beyond ASCII."""

    def __call__(self, image: Any, prediction: "Prediction", *, font: Path | None = None) -> "Image": ...


DRAWERS: Final[Registry[Drawer]] = Registry("drawer")
"""Filled from above, as predictions know nothing of pixels: "picture" is what `Prediction.plot` calls."""


@dataclass(frozen=True)
class Prediction:
    """Base of all predictions. `name` is the image's, filled in by the verb."""

    name: str

    def to_json(self) -> dict[str, Any]:
        """Flat JSON values, `image` first."""
        values = {key: value for key, value in vars(self).items() if key != "name"}
        return {"image": self.name, **values}

    def plot(self, image: Any = None, *, font: Path | None = None) -> "Image":
        """The image with what was predicted for it; its `save(path)` keeps it.

        image: a path, uint8 array or PIL image; without it the file called `name`. font: a file for class names that
        Pillow's own font, ASCII alone, cannot draw. InputError where there is no such file, and for an image of
        another size than the one that was predicted on, where boxes or a mask would lie in wrong places.
        """
        if image is None and not Path(self.name).is_file():
            raise InputError(
                f"There is no file {self.name} to draw on: of its image a prediction keeps the name alone. Give the "
                "image: plot(image), a path, an array or a PIL image."
            )
        if not DRAWERS:
            raise InputError("Nothing is loaded that draws. Use plusx.draw(image, prediction).")
        return DRAWERS["picture"](self.name if image is None else image, self, font=font)


@dataclass(frozen=True)
class LabelPrediction(Prediction):
    """One class out of several: `label` with its `probability`, and the probabilities of all, most likely first."""

    label: str
    probability: float
    probabilities: dict[str, float]

    @staticmethod
    def of(name: str, classes: Sequence[str], probabilities: Sequence[float]) -> "LabelPrediction":
        order = sorted(range(len(classes)), key=lambda index: -probabilities[index])
        ranked = {classes[index]: float(probabilities[index]) for index in order}
        return LabelPrediction(name, classes[order[0]], float(probabilities[order[0]]), ranked)


@dataclass(frozen=True)
class LabelsPrediction(Prediction):
    """Any number of classes: those at or above `threshold`, and the probabilities of all."""

    labels: tuple[str, ...]
    probabilities: dict[str, float]

    @staticmethod
    def of(name: str, classes: Sequence[str], probabilities: Sequence[float], threshold: float) -> "LabelsPrediction":
        chosen = tuple(label for label, p in zip(classes, probabilities, strict=True) if p >= threshold)
        return LabelsPrediction(
            name, chosen, {label: float(p) for label, p in zip(classes, probabilities, strict=True)}
        )


@dataclass(frozen=True)
class ValuePrediction(Prediction):
    """Named real numbers in the user's unit."""

    values: dict[str, float]

    @staticmethod
    def of(name: str, columns: Sequence[str], values: Sequence[float]) -> "ValuePrediction":
        return ValuePrediction(name, {column: float(value) for column, value in zip(columns, values, strict=True)})


@dataclass(frozen=True, slots=True)
class Box:
    """One object: x1, y1 its upper left and x2, y2 its lower right corner, in pixels of the image."""

    label: str
    score: float  # 0..1
    x1: float
    y1: float
    x2: float
    y2: float


@dataclass(frozen=True)
class BoxesPrediction(Prediction):
    """The objects that were found, the surest first. classes: all that the model knows, in their order. size: (height,
    width) of the image, where it is known."""

    boxes: tuple[Box, ...]
    classes: tuple[str, ...] = ()
    size: tuple[int, int] | None = None

    @staticmethod
    def of(
        name: str, classes: Sequence[str], rows: Sequence[Sequence[float]], threshold: float = 0.0
    ) -> "BoxesPrediction":
        """rows: x1, y1, x2, y2, score, label; those of score 0 are none, those below `threshold` are left out."""
        sure = [row for row in rows if row[4] > 0 and row[4] >= threshold]
        found = [Box(classes[int(label)], score, *corners) for *corners, score, label in sure]
        return BoxesPrediction(name, tuple(found), tuple(classes))

    def to_json(self) -> dict[str, Any]:
        return {"image": self.name, "boxes": [asdict(box) for box in self.boxes]}


@dataclass(frozen=True, eq=False)
class MaskPrediction(Prediction):
    """The class of every pixel: `mask` holds indices into `classes`, uint8 (H, W), as large as the image."""

    classes: tuple[str, ...]
    mask: NDArray[np.uint8]

    @staticmethod
    def of(name: str, classes: Sequence[str], mask: NDArray[Any]) -> "MaskPrediction":
        return MaskPrediction(name, tuple(classes), np.asarray(mask).astype(np.uint8))

    @property
    def shares(self) -> dict[str, float]:
        """Class → its part of the image's pixels, 0..1; the largest first, none that does not occur."""
        counts = np.bincount(self.mask.ravel(), minlength=len(self.classes)) / max(1, self.mask.size)
        return _largest_first(self.classes, counts)

    def to_json(self) -> dict[str, Any]:
        """The shares; the mask itself is a picture."""
        return {"image": self.name, "shares": self.shares}


@dataclass(frozen=True, eq=False)
class MasksPrediction(Prediction):
    """Any number of classes for every pixel: `masks` bool (K, H, W), a layer for each of `classes`, as large as the
    image."""

    classes: tuple[str, ...]
    masks: NDArray[np.bool_]

    @staticmethod
    def of(name: str, classes: Sequence[str], masks: NDArray[Any]) -> "MasksPrediction":
        return MasksPrediction(name, tuple(classes), np.asarray(masks).astype(np.bool_))

    @property
    def shares(self) -> dict[str, float]:
        """As of `MaskPrediction`; they may overlap."""
        return _largest_first(self.classes, self.masks.mean(axis=(1, 2)))

    def to_json(self) -> dict[str, Any]:
        """The shares; the masks themselves are pictures."""
        return {"image": self.name, "shares": self.shares}


def _largest_first(classes: Sequence[str], shares: NDArray[Any]) -> dict[str, float]:
    order = sorted(range(len(classes)), key=lambda index: -shares[index])
    return {classes[index]: float(shares[index]) for index in order if shares[index] > 0}

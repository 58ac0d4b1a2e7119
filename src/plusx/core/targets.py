"""What an image is labelled with. A target is checked when it is made and trusted afterwards.

Targets that have a place in the image (boxes, masks) move with it; those of the whole image stay as they are.
"""

import math
from abc import ABC
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Self, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plusx.core.errors import DataError

if TYPE_CHECKING:
    from plusx.core.view import View


class Target(ABC):  # noqa: B024 - the defaults are complete for targets of the whole image
    """Base of all targets; sizes in pixels. The defaults are those of a target of the whole image."""

    def load(self) -> "Target":
        """What lies in a file of its own is read when it is needed; everything else is there."""
        return self

    @final
    def seen(self, view: "View") -> "Target":
        """As the network's input shows it."""
        moved = self.scale(view.resized[0] / view.height, view.resized[1] / view.width)
        return moved.crop(view.top, view.left, *view.size)

    def flip(self, width: int) -> "Target":
        """Mirrored left to right, with an image `width` wide."""
        return self

    def crop(self, top: int, left: int, height: int, width: int) -> "Target":
        """Cut out together with this window of the image, which may reach beyond it."""
        return self

    def scale(self, factor_y: float, factor_x: float) -> "Target":
        """Resized together with the image."""
        return self

    def survives(self, top: int, left: int, height: int, width: int) -> bool:
        """Whether `crop` leaves an object to be found, or there is none anyway."""
        return True

    def joined(self, other: "Target") -> "Target":
        """Of a picture of which one part shows this target's image, another part `other`'s; both in its pixels.

        DataError for targets of the whole image.
        """
        raise DataError(f"{type(self).__name__} belongs to a whole image; only boxes and masks of two can be joined")


@dataclass(frozen=True, slots=True)
class Label(Target):
    """One class: its index in the data set's `classes`."""

    index: int

    def __post_init__(self) -> None:
        if self.index < 0:
            raise DataError(f"class index {self.index} is negative; classes are counted from 0")


@dataclass(frozen=True, slots=True)
class Labels(Target):
    """Any number of classes at once (multi-label): sorted indices without repeats."""

    indices: tuple[int, ...]

    def __post_init__(self) -> None:
        if any(index < 0 for index in self.indices) or list(self.indices) != sorted(set(self.indices)):
            raise DataError(f"class indices {self.indices} must be sorted, distinct and not negative")


@dataclass(frozen=True, slots=True)
class Value(Target):
    """One or several real numbers, in the user's unit."""

    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.values or not all(math.isfinite(value) for value in self.values):
            raise DataError(f"target values {self.values} must be finite numbers, at least one")


LEAST_SHARE: Final = 0.2
"""A box of which a crop leaves less than this share of its area is dropped: what is left shows too little of it."""


@dataclass(frozen=True, slots=True, eq=False)
class Boxes(Target):
    """N boxes of an image; N may be 0. Equal where all arrays are.

    corners: (N, 4) float32, x1, y1, x2, y2 in pixels, continuous from the upper left corner; 0, 0, W, H is the whole
    image. labels: (N,) int64, class indices. ignored: (N,) bool, crowds and difficult ones, neither asked for nor
    counted as wrong. areas: (N,) float32, of the objects in the original image, whatever is done to the box.
    DataError names the first box that is not finite or empty, its value, and whatever does not fit together.
    """

    corners: NDArray[np.float32]
    labels: NDArray[np.int64]
    ignored: NDArray[np.bool]
    areas: NDArray[np.float32]

    @classmethod
    def of(
        cls, corners: ArrayLike, labels: ArrayLike, ignored: ArrayLike | None = None, areas: ArrayLike | None = None
    ) -> Self:
        """From lists or arrays. Without `ignored` none is; without `areas` they are those of the boxes."""
        places = np.asarray(corners, np.float32).reshape(-1, 4)
        plain = np.zeros(len(places), np.bool) if ignored is None else np.asarray(ignored, np.bool)
        own = box_areas(places) if areas is None else np.asarray(areas, np.float32)
        return cls(places, np.asarray(labels, np.int64), plain, own)

    def __post_init__(self) -> None:
        for name, dtype in (("corners", np.float32), ("labels", np.int64), ("ignored", np.bool), ("areas", np.float32)):
            array = np.array(getattr(self, name), dtype)
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        shapes = (self.corners.shape, self.labels.shape, self.ignored.shape, self.areas.shape)
        count = len(self.labels) if self.labels.ndim else 0
        if shapes != ((count, 4), (count,), (count,), (count,)):
            raise DataError(f"corners, labels, ignored and areas of shapes {shapes}; expected (N, 4), (N,), (N,), (N,)")
        self._check_values()

    def _check_values(self) -> None:
        finite = np.isfinite(self.corners).all(axis=1)
        _refuse(~finite, self.corners, "x1, y1, x2, y2 must be finite")
        full = (self.corners[:, 2:] > self.corners[:, :2]).all(axis=1)
        _refuse(~full, self.corners, "expected x2 > x1 and y2 > y1")
        _refuse(self.labels < 0, self.labels, "class indices are counted from 0")
        _refuse(~(np.isfinite(self.areas) & (self.areas >= 0)), self.areas, "an area must be finite and not negative")

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def classes(self) -> tuple[int, ...]:
        """The classes that are there to be found, each once, in order; those of ignored boxes are not."""
        return tuple(np.unique(self.labels[~self.ignored]).tolist())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Boxes) and self._content() == other._content()

    def __hash__(self) -> int:
        return hash(self._content())

    def _content(self) -> tuple[bytes, ...]:
        # + 0.0: -0.0 equals 0.0
        arrays = (self.corners + np.float32(0), self.labels, self.ignored, self.areas + np.float32(0))
        return tuple(array.tobytes() for array in arrays)

    def flip(self, width: int) -> Self:
        """Mirrored left to right, with an image `width` wide."""
        x1, y1, x2, y2 = self.corners.T
        return self._moved(np.stack([width - x2, y1, width - x1, y2], axis=1))

    def crop(self, top: int, left: int, height: int, width: int) -> Self:
        """Cut out together with this window of the image, and clipped to it.

        Dropped are boxes of which no area or less than `LEAST_SHARE` is left; of ignored ones any rest is kept, for
        it is still not to be counted.
        """
        moved = self.corners - np.array([left, top, left, top], np.float32)
        clipped = np.clip(moved, 0, np.array([width, height, width, height], np.float32))
        enough = box_areas(clipped) >= LEAST_SHARE * box_areas(self.corners)
        return self._moved(clipped, enough | self.ignored)

    def scale(self, factor_y: float, factor_x: float) -> Self:
        """Resized together with the image. `areas` stay: they are of the original image."""
        return self._moved(self.corners * np.array([factor_x, factor_y, factor_x, factor_y], np.float32))

    def survives(self, top: int, left: int, height: int, width: int) -> bool:
        """Boxes that are ignored are no objects to be found."""
        return bool(self.ignored.all()) or not bool(self.crop(top, left, height, width).ignored.all())

    def joined(self, other: Target) -> Self:
        """The boxes of both, these first."""
        assert isinstance(other, Boxes), f"boxes joined with {type(other).__name__}"
        return type(self)(
            np.concatenate((self.corners, other.corners)),
            np.concatenate((self.labels, other.labels)),
            np.concatenate((self.ignored, other.ignored)),
            np.concatenate((self.areas, other.areas)),
        )

    def _moved(self, corners: NDArray[np.float32], kept: NDArray[np.bool] | None = None) -> Self:
        """With these corners. Boxes that have no extent in float32 any more go, as those that are not `kept`."""
        full = (corners[:, 2:] > corners[:, :2]).all(axis=1)
        keep = full if kept is None else full & kept
        return replace(
            self,
            corners=corners[keep],
            labels=self.labels[keep],
            ignored=self.ignored[keep],
            areas=self.areas[keep],
        )


def box_areas(corners: NDArray[Any]) -> NDArray[Any]:
    """(N, 4) x1, y1, x2, y2 → (N,) width × height."""
    return (corners[:, 2] - corners[:, 0]) * (corners[:, 3] - corners[:, 1])


def _refuse(wrong: Any, values: NDArray[Any], expected: str) -> None:
    """DataError about the first box that is `wrong`: (N,) bool."""
    if wrong.any():
        index = int(wrong.argmax())
        raise DataError(f"box {index}: found {values[index].tolist()}; {expected}")

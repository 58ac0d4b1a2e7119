"""What an image is labelled with. A target is checked when it is made and trusted afterwards.

Targets that have a place in the image (boxes, masks) move with it; those of the whole image stay as they are.
"""

import math
from abc import ABC
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, final

from plusx.core.errors import DataError

if TYPE_CHECKING:
    from plusx.core.view import View


class Target(ABC):  # noqa: B024 - the defaults are complete for targets of the whole image
    """Base of all targets; sizes in pixels. The defaults are those of a target of the whole image."""

    def load(self) -> "Target":
        """What lies in a file of its own is read when it is needed; everything else is there."""
        return self

    @final
    def seen(self, view: "View") -> Self:
        """As the network's input shows it."""
        moved = self.scale(view.resized[0] / view.height, view.resized[1] / view.width)
        return moved.crop(view.top, view.left, *view.size)

    def flip(self, width: int) -> Self:
        """Mirrored left to right, with an image `width` wide."""
        return self

    def crop(self, top: int, left: int, height: int, width: int) -> Self:
        """Cut out together with this window of the image, which may reach beyond it."""
        return self

    def scale(self, factor_y: float, factor_x: float) -> Self:
        """Resized together with the image."""
        return self


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

"""Masks: a class, or several, for every pixel of an image."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from plusx.core.errors import DataError
from plusx.core.targets import Target

VOID: Final = 255
"""The value of mask pixels that are not to be counted, neither in losses nor in metrics."""


@dataclass(frozen=True, slots=True, eq=False)
class Mask(Target):
    """A class for every pixel: (H, W) uint8 indices in the data set's `classes`, 255 (VOID) not to be counted."""

    values: NDArray[np.uint8]

    def __post_init__(self) -> None:
        if self.values.dtype != np.uint8 or self.values.ndim != 2 or self.values.size == 0:
            raise DataError(
                f"mask of type {self.values.dtype} and shape {self.values.shape}; expected uint8 class indices (H, W)"
            )

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Mask) and np.array_equal(self.values, other.values)

    def flip(self, width: int) -> Self:
        """Mirrored left to right; `width` is the mask's own."""
        return type(self)(np.ascontiguousarray(self.values[:, ::-1]))

    def crop(self, top: int, left: int, height: int, width: int) -> Self:
        """This window; what of it lies outside of the mask is void."""
        out = np.full((height, width), VOID, np.uint8)
        rows, columns = self.values.shape
        y, x = max(top, 0), max(left, 0)
        inside = self.values[y : max(min(top + height, rows), y), x : max(min(left + width, columns), x)]
        out[y - top : y - top + inside.shape[0], x - left : x - left + inside.shape[1]] = inside
        return type(self)(out)

    def joined(self, other: Target) -> Self:
        """Where this one is void the values of the other, of the same size."""
        assert isinstance(other, Mask), f"a mask joined with {type(other).__name__}"
        return type(self)(np.where(self.values == VOID, other.values, self.values))

    def scale(self, factor_y: float, factor_x: float) -> Self:
        """Resized by these factors to the nearest whole number of pixels, at least one."""
        height, width = self.values.shape
        return self.resized(max(1, round(height * factor_y)), max(1, round(width * factor_x)))

    def resized(self, height: int, width: int) -> Self:
        """Exactly this size. Every pixel takes the value that stands at its centre: nothing is interpolated."""
        rows, columns = self.values.shape
        y = (2 * np.arange(height) + 1) * rows // (2 * height)
        x = (2 * np.arange(width) + 1) * columns // (2 * width)
        return type(self)(self.values[y[:, None], x])


@dataclass(frozen=True, slots=True, eq=False)
class Masks(Target):
    """Any number of classes for every pixel: (K, H, W) uint8, a layer a class: 1 where it is, 0 where it is not, 255
    (VOID) not to be counted."""

    values: NDArray[np.uint8]

    def __post_init__(self) -> None:
        if self.values.dtype != np.uint8 or self.values.ndim != 3 or self.values.size == 0:
            raise DataError(
                f"masks of type {self.values.dtype} and shape {self.values.shape}; expected uint8 layers (K, H, W)"
            )

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Masks) and np.array_equal(self.values, other.values)

    def flip(self, width: int) -> Self:
        return self._each(lambda mask: mask.flip(width))

    def crop(self, top: int, left: int, height: int, width: int) -> Self:
        return self._each(lambda mask: mask.crop(top, left, height, width))

    def scale(self, factor_y: float, factor_x: float) -> Self:
        return self._each(lambda mask: mask.scale(factor_y, factor_x))

    def joined(self, other: Target) -> Self:
        """Where a layer is void the values of the other's, of the same size."""
        assert isinstance(other, Masks), f"masks joined with {type(other).__name__}"
        return type(self)(np.where(self.values == VOID, other.values, self.values))

    def _each(self, moved: Callable[[Mask], Mask]) -> Self:
        return type(self)(np.stack([moved(Mask(layer)).values for layer in self.values]))


class LazyMask(Target):
    """A mask, or several layers of them, read when it is needed, so that a listing holds no pixels."""

    @abstractmethod
    def load(self) -> Mask | Masks:
        """The mask itself. DataError if it cannot be read or holds what is no class."""

    def flip(self, width: int) -> Mask | Masks:
        return self.load().flip(width)

    def crop(self, top: int, left: int, height: int, width: int) -> Mask | Masks:
        return self.load().crop(top, left, height, width)

    def scale(self, factor_y: float, factor_x: float) -> Mask | Masks:
        return self.load().scale(factor_y, factor_x)

    def joined(self, other: Target) -> Mask | Masks:
        return self.load().joined(other.load())

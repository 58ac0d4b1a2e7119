"""Sample: one image as it stands in the data set. Listing: the whole data set, read but not decoded. Needs no torch."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal, Self, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from plusx.core.finding import Finding
from plusx.core.targets import Target

ImageSource: TypeAlias = Path | Any | Callable[[], Any]
"""A file; an image in memory (uint8 array H×W, H×W×C, or a PIL image); or a function that returns one."""

Kind = Literal["label", "labels", "value", "boxes", "mask", "masks"]
DENSE: Final = ("boxes", "mask", "masks")
"""Kinds of targets that have a place in the image."""


@dataclass(frozen=True, slots=True)
class Sample:
    """An image and what is known about it. `name` is how reports call it: path below the root, or `train[17]`."""

    image: ImageSource
    target: Target | None
    name: str
    group: str | None = None  # samples of one group are never split between training and validation


Positions: TypeAlias = NDArray[np.int64]


class Samples(Sequence[Sample]):
    """Many samples kept in a few arrays: each is made when it is asked for, anew each time."""

    @abstractmethod
    def sample(self, position: int) -> Sample:
        """The sample at this position, counted from 0."""

    @abstractmethod
    def picked(self, positions: Positions) -> Self:
        """Those at these positions, in this order, kept as compactly."""

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> Sample | Self:
        if isinstance(index, slice):
            return self.picked(np.arange(*index.indices(len(self)), dtype=np.int64))
        if not -len(self) <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        return self.sample(int(index) % len(self))

    def __iter__(self) -> Iterator[Sample]:
        return map(self.sample, range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or len(self) != len(other):
            return NotImplemented if not isinstance(other, Sequence) else False
        return all(one == another for one, another in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]


def picked(samples: Sequence[Sample], positions: Positions) -> Sequence[Sample]:
    """Those at these positions, in this order; compact where `samples` are."""
    if isinstance(samples, Samples):
        return samples.picked(positions)
    return tuple(samples[position] for position in positions.tolist())


def kept(samples: Sequence[Sample], keep: Callable[[Sample], bool]) -> Sequence[Sample]:
    """Those for which `keep` is true, in their order; compact where `samples` are."""
    marks = np.fromiter((keep(sample) for sample in samples), np.bool, len(samples))
    return picked(samples, np.flatnonzero(marks).astype(np.int64))


@dataclass(frozen=True)
class Listing:
    """A data set: `splits` maps "train", "val", "test" to samples; class names are indexed once over all splits."""

    splits: Mapping[str, Sequence[Sample]]
    kind: Kind
    classes: tuple[str, ...] = ()  # names by index; those of the value columns for kind "value"
    root: Path | None = None
    format: str = ""  # which reader made it, e.g. "folders"
    notes: tuple[str, ...] = field(default=())  # what the reader decided and the user should know
    findings: tuple[Finding, ...] = ()  # what is wrong with what it read; the audit tells them with its own

    def with_splits(self, splits: Mapping[str, Sequence[Sample]], *notes: str) -> "Listing":
        """The same data set with other splits; `notes` are added."""
        return replace(self, splits=dict(splits), notes=(*self.notes, *notes))

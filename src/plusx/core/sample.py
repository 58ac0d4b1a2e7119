"""Sample: one image as it stands in the data set. Listing: the whole data set, read but not decoded. Needs no torch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

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


@dataclass(frozen=True)
class Listing:
    """A data set: `splits` maps "train", "val", "test" to samples; class names are indexed once over all splits."""

    splits: Mapping[str, tuple[Sample, ...]]
    kind: Kind
    classes: tuple[str, ...] = ()  # names by index; those of the value columns for kind "value"
    root: Path | None = None
    format: str = ""  # which reader made it, e.g. "folders"
    notes: tuple[str, ...] = field(default=())  # what the reader decided and the user should know

    def with_splits(self, splits: Mapping[str, tuple[Sample, ...]], *notes: str) -> "Listing":
        """The same data set with other splits; `notes` are added."""
        return replace(self, splits=dict(splits), notes=(*self.notes, *notes))

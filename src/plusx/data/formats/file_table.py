"""The files of a large folder in a few arrays: the bytes of a name and twelve more a file, instead of some objects.

A `Path`, a `Sample` and an `Entry` take about 600 bytes a file; a folder of a million files would take 0.6 GB before
the first image is read.
"""

import os
from abc import abstractmethod
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self, final, overload

import numpy as np
from numpy.typing import NDArray

from plusx.core.sample import Positions, Sample, Samples
from plusx.core.targets import Label
from plusx.data.formats.format import Entry
from plusx.data.formats.splits import Split
from plusx.data.images import printable


@dataclass(frozen=True, slots=True)
class Place:
    """A folder with images: its path below the root ("" for the root itself), and what that says of all in it."""

    folder: str
    label: str
    split: Split


class Table(Sequence[Entry]):
    """Entries of one class each, made when they are asked for."""

    @property
    @abstractmethod
    def places(self) -> Sequence[Place]:
        """What labels and splits there are."""

    @abstractmethod
    def place_of_each(self) -> NDArray[np.intc]:
        """For every entry its position in `places`."""

    @abstractmethod
    def entry(self, position: int) -> Entry: ...

    @abstractmethod
    def name(self, position: int) -> str:
        """How reports call the image."""

    @abstractmethod
    def samples(self, targets: Sequence[Label], positions: Positions) -> Samples:
        """Those at these positions; `targets`: the class of each of `places`."""

    @overload
    def __getitem__(self, index: int) -> Entry: ...
    @overload
    def __getitem__(self, index: slice) -> list[Entry]: ...
    def __getitem__(self, index: int | slice) -> Entry | list[Entry]:
        if isinstance(index, slice):
            return [self.entry(one) for one in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"entry {index} of {len(self)}")
        return self.entry(index % len(self))

    def __iter__(self) -> Iterator[Entry]:
        return map(self.entry, range(len(self)))

    def counts(self) -> Counter[str]:
        """How many entries have each label."""
        found = Counter[str]()
        in_places = np.bincount(self.place_of_each(), minlength=len(self.places))
        for place, count in zip(self.places, in_places.tolist(), strict=True):
            found[place.label] += count
        return +found


@final
class FileTable(Table):
    """Files below `root` as entries of class folders. Filled once with `add`, then only read."""

    def __init__(self, root: str) -> None:
        self.root = "" if root == os.curdir else os.path.join(root, "")  # noqa: PTH118 - as Path writes what is below
        self._folders: list[Place] = []
        self._names = bytearray()
        self._ends = array("q")
        self._places = array("i")

    def add(self, place: Place, names: Sequence[str]) -> None:
        """Files by their names in the folder."""
        for name in names:
            self._names += os.fsencode(name)
            self._ends.append(len(self._names))
        self._places.extend(array("i", [len(self._folders)]) * len(names))
        self._folders.append(place)

    def __len__(self) -> int:
        return len(self._ends)

    @property
    def places(self) -> Sequence[Place]:
        return self._folders

    def entry(self, position: int) -> Entry:
        place = self._folders[self._places[position]]
        return Entry(self.path(position), place.label, self.name(position), place.split)

    def samples(self, targets: Sequence[Label], positions: Positions) -> "FileSamples":
        return FileSamples(self, targets, positions)

    def path(self, position: int) -> Path:
        return Path(self.root + self._below(position))

    def name(self, position: int) -> str:
        """How reports call the file: its path below the root, with slashes."""
        return printable(self._below(position)).replace(os.sep, "/")

    def _below(self, position: int) -> str:
        begin = self._ends[position - 1] if position else 0
        folder = self._folders[self._places[position]].folder
        return folder + os.fsdecode(bytes(self._names[begin : self._ends[position]]))

    def place_of_each(self) -> NDArray[np.intc]:
        return np.frombuffer(self._places, np.intc) if self._places else np.empty(0, np.intc)


@final
class FileSamples(Samples):
    """Samples of a `FileTable`; `targets` holds the class of each of its places."""

    def __init__(self, table: FileTable, targets: Sequence[Label], positions: Positions) -> None:
        self._table = table
        self._targets = targets
        self._positions = positions
        self._place = table.place_of_each()

    def __len__(self) -> int:
        return len(self._positions)

    def sample(self, position: int) -> Sample:
        file = int(self._positions[position])
        return Sample(self._table.path(file), self._targets[self._place[file]], self._table.name(file))

    def picked(self, positions: Positions) -> Self:
        return type(self)(self._table, self._targets, self._positions[positions])

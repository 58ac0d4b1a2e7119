"""The images of many shards in a few arrays: about 30 bytes an image beside its name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self, final

import numpy as np
from numpy.typing import NDArray

from plusx.core.errors import DataError
from plusx.core.sample import Positions, Sample, Samples
from plusx.core.targets import Label
from plusx.data.formats.file_table import Place, Table
from plusx.data.formats.format import Entry
from plusx.data.formats.splits import Split
from plusx.data.inspection.facts import Facts, Known
from plusx.data.shards import facts as facts_of
from plusx.data.shards.index import Index, Texts
from plusx.data.shards.manifest import FACTS
from plusx.data.shards.store import Store


@dataclass(frozen=True)
class ShardFile:
    """One shard and what is in it."""

    name: str
    split: Split
    index: Index


@final
class ShardTable(Table):
    """Images of `shards` as entries. decode: from the text of a label and the image's name to the label of an entry;
    None where every text is the name of a class."""

    def __init__(self, store: Store, shards: Sequence[ShardFile], decode: Callable[[str, str], Any] | None) -> None:
        self.store = store
        self.files = tuple((shard.name, shard.split) for shard in shards)
        indices = [shard.index for shard in shards]
        self.starts = np.cumsum([0, *map(len, indices)], dtype=np.int64)
        self._offsets = np.concatenate([index.offsets for index in indices])
        self._lengths = np.concatenate([index.lengths for index in indices])
        masks = np.concatenate([index.masks for index in indices])
        self._masks = masks if masks.any() else None
        self._names = Texts.joined([index.names for index in indices])
        groups = Texts.joined([index.groups for index in indices])
        self._groups = groups if len(groups.blob) else None
        self._decode = decode
        self._labels = Texts.joined([index.labels for index in indices]) if decode else None
        self._places: list[Place] = []
        self._place_of_each = np.empty(0, np.intc) if decode else self._placed(shards)

    def _placed(self, shards: Sequence[ShardFile]) -> NDArray[np.intc]:
        known: dict[tuple[str, Split], int] = {}
        of_each = np.empty(len(self), np.intc)
        for start, shard in zip(self.starts.tolist(), shards, strict=False):
            for row, label in enumerate(shard.index.labels):
                of_each[start + row] = known.setdefault((label, shard.split), len(known))
        self._places = [Place("", label, split) for label, split in known]
        return of_each

    @property
    def places(self) -> Sequence[Place]:
        return self._places

    def place_of_each(self) -> NDArray[np.intc]:
        return self._place_of_each

    def __len__(self) -> int:
        return int(self.starts[-1])

    def entry(self, position: int) -> Entry:
        name = self.name(position)
        if self._decode is None or self._labels is None:
            label: Any = self._places[self._place_of_each[position]].label
        elif self._masks is not None:
            label = self._decode(name, name)
        else:
            label = self._decode(self._labels[position], name)
        split = self.files[self.shard_of(position)][1]
        return Entry(StoredImage(self, position), label, name, split, self.group(position))

    def name(self, position: int) -> str:
        return self._names[position]

    def group(self, position: int) -> str | None:
        return (self._groups[position] or None) if self._groups is not None else None

    def samples(self, targets: Sequence[Label], positions: Positions) -> "ShardSamples":
        return ShardSamples(self, targets, positions)

    def shard_of(self, position: int) -> int:
        return int(np.searchsorted(self.starts, position, side="right")) - 1

    def read(self, position: int) -> bytes:
        """The bytes of the image's file."""
        name, _ = self.files[self.shard_of(position)]
        return self.store.read(name, int(self._offsets[position]), int(self._lengths[position]))

    def read_mask(self, position: int) -> bytes:
        assert self._masks is not None, "asked for only where there are masks"
        name, _ = self.files[self.shard_of(position)]
        return self.store.read(name, *self._masks[position].tolist())

    def facts(self, position: int) -> Facts | None:
        shard = self.shard_of(position)
        found = _facts(self.store, self.files[shard][0])
        row = position - int(self.starts[shard])
        return found[row] if found is not None and row < len(found) else None

    def runs(self, positions: Positions) -> tuple[int, ...]:
        """How many of these follow each other in one shard, shard by shard."""
        shards = np.searchsorted(self.starts, positions, side="right")
        ends = np.flatnonzero(np.diff(shards)) + 1
        return tuple(np.diff([0, *ends.tolist(), len(positions)]).tolist())


@lru_cache(maxsize=2)
def _facts(store: Store, name: str) -> list[Facts] | None:
    try:
        return facts_of.from_bytes(store.read_all(name + FACTS))
    except DataError:  # shards of others have none
        return None


@dataclass(frozen=True, slots=True)
class StoredImage(Known):
    """An image in a shard: gives the bytes of its file when it is called."""

    table: ShardTable
    position: int

    def __call__(self) -> bytes:
        return self.table.read(self.position)

    def facts(self) -> Facts | None:
        return self.table.facts(self.position)


@dataclass(frozen=True, slots=True)
class StoredMask:
    """The mask of an image in a shard."""

    table: ShardTable
    position: int

    def __call__(self) -> bytes:
        return self.table.read_mask(self.position)


@final
class ShardSamples(Samples):
    """Samples of a `ShardTable` with one class each; `targets` holds that of each of its places."""

    def __init__(self, table: ShardTable, targets: Sequence[Label], positions: Positions) -> None:
        self._table = table
        self._targets = targets
        self._positions = positions
        self._place = table.place_of_each()

    def __len__(self) -> int:
        return len(self._positions)

    def sample(self, position: int) -> Sample:
        row, table = int(self._positions[position]), self._table
        return Sample(StoredImage(table, row), self._targets[self._place[row]], table.name(row), table.group(row))

    def picked(self, positions: Positions) -> Self:
        return type(self)(self._table, self._targets, self._positions[positions])

    def runs(self) -> tuple[int, ...]:
        return self._table.runs(self._positions)


def runs(samples: Sequence[Sample]) -> tuple[int, ...] | None:
    """How many samples follow each other in one shard, shard by shard; None where they do not lie in shards."""
    if isinstance(samples, ShardSamples):
        return samples.runs()
    images = [sample.image for sample in samples]
    positions = [image.position for image in images if isinstance(image, StoredImage)]
    first = next(iter(images), None)
    if not isinstance(first, StoredImage) or len(positions) != len(images):
        return None
    return first.table.runs(np.array(positions, np.int64))

"""Batches whose pictures have been through the stages that stay as they are, each picture once."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from plusx.core.batch import Batch, Batches, Request, Requested
from plusx.core.errors import StorageError
from plusx.engine import randomness
from plusx.engine.frozen.prefix import Prefix, kept_shape
from plusx.engine.frozen.store import MapStore
from plusx.engine.parts import Prepare


@dataclass
class Work:
    """Pictures that were shown to what learns, and those of them that had to be computed."""

    shown: int = 0
    computed: int = 0


@dataclass(frozen=True)
class Keeping:
    """How pictures are kept.

    `directory_of`: where, by the key of the stages they went through; it may raise StorageError. `pictures`: number of
    images, each a `picture` of (channels, height, width); `views`: how many ways each is shown, one after the other,
    epoch by epoch. `prepare` as in training.
    """

    directory_of: Callable[[str], Path]
    pictures: int
    picture: tuple[int, int, int]
    views: int
    seed: int
    prepare: Prepare
    tell: Callable[[str], None]
    work: Work = field(default_factory=Work)


class Kept:
    """Implements `core.batch.Batches`: those of `source` while all stages learn, else those of `still`, as maps.

    Both have the same samples in the same batches; how they show them may differ. No sample may come twice in an epoch,
    and no target depend on how its picture is shown. A picture that was kept and one that is computed differ in their
    last bits at most, where the batch it was computed in was another one.
    """

    def __init__(self, source: Batches, still: Requested, prefix: Prefix, keeping: Keeping) -> None:
        self._source, self._still, self._prefix, self._keeping = source, still, prefix, keeping
        self._store: MapStore | None = None
        self._key = ""
        self._said = False
        self._generator = torch.Generator(prefix.placement.device)

    def __len__(self) -> int:
        return len(self._source)

    def epoch(self, number: int, start: int = 0) -> Iterator[Batch]:
        if self._prefix.stages == 0:
            yield from self._source.epoch(number, start)
            return
        self._open()
        view = number % self._keeping.views
        requests = [one._replace(epoch=view) for one in self._still.requests(number, start)]
        there = [self._store is not None and self._store.has(self._rows(one.indices, view)) for one in requests]
        read = self._still.read([one for one, kept in zip(requests, there, strict=True) if not kept])
        store = self._store
        try:
            for request, kept in zip(requests, there, strict=True):
                if kept and store is not None:
                    yield self._from_store(store, request)
                else:
                    yield self._computed(next(read), view)
        finally:
            self._commit()

    def close(self) -> None:
        """Gives back its files, with all that was put in them."""
        self._commit()
        if self._store is not None:
            self._store.close()
        self._store, self._key = None, ""

    def _open(self) -> None:
        """The store of the stages that stay in the epoch under way; none where it cannot be, which is said once."""
        if self._prefix.key == self._key:
            return
        self.close()
        self._key, keeping = self._prefix.key, self._keeping
        shape = kept_shape(self._prefix.task, self._prefix.stages, keeping.picture)
        try:
            directory = keeping.directory_of(f"{self._key} {shape}")
            self._store = MapStore(directory, keeping.pictures * keeping.views, shape)
        except StorageError as error:
            self._give_up(str(error))

    def _rows(self, indices: Sequence[int], view: int) -> list[int]:
        return [index * self._keeping.views + view for index in indices]

    def _from_store(self, store: MapStore, request: Request) -> Batch:
        batch = self._still.without_images(request)
        self._keeping.work.shown += len(batch)
        maps = store.get(self._rows(request.indices, request.epoch))
        return replace(batch, images=maps.float(), stages=self._prefix.stages)

    def _computed(self, batch: Batch, view: int) -> Batch:
        """As maps, which are kept; as it was read where half precision cannot hold them."""
        placement, work = self._prefix.placement, self._keeping.work
        work.shown += len(batch)
        work.computed += len(batch)
        moved = batch.to(placement.device, placement.memory_format)
        indices = batch.indices.tolist()
        seed = randomness.seed_of(self._keeping.seed, view, indices[0])
        maps = self._prefix.maps(self._keeping.prepare(moved, self._generator.manual_seed(seed)))
        if not maps.isfinite().all():
            self._give_up("Maps have values beyond 65504, which half precision cannot hold.")
            return batch
        if self._store is not None:
            try:
                self._store.put(self._rows(indices, view), maps)
            except StorageError as error:
                self._give_up(str(error))
        return replace(moved, images=maps.float(), stages=self._prefix.stages)

    def _give_up(self, reason: str) -> None:
        """Nothing more is put, and the same pictures are computed in every epoch; said once."""
        if not self._said:
            self._keeping.tell(f"{reason} What stays as it is is computed in every epoch.")
        self._said, self._store = True, None

    def _commit(self) -> None:
        if self._store is not None:
            try:
                self._store.commit()
            except StorageError as error:
                self._give_up(str(error))

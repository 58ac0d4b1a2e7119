"""Writing shards: each whole or not at all, several at once, the same bytes for any number of processes."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, final

from plusx.core.errors import DataError
from plusx.core.sample import Sample
from plusx.core.storage import replacing
from plusx.data.inspection.facts import Facts
from plusx.data.shards import facts as facts_of
from plusx.data.shards.content import MASK, Content, content_of, key_of, label_members
from plusx.data.shards.index import Index, Row
from plusx.data.shards.manifest import FACTS, INDEX, Shard, is_whole
from plusx.data.shards.plan import Task
from plusx.data.shards.tar import TarWriter


class StoppedError(Exception):
    """The writing was called off; the shard that was being written is gone, the others are whole."""


@dataclass(frozen=True)
class Written:
    """A shard that is there. kept: it was there before. unreadable: (name, why) of the images that are not in it."""

    shard: Shard
    kept: bool
    unreadable: tuple[tuple[str, str], ...]


class Form(ABC):
    """How the samples of a shard stand in its file."""

    @abstractmethod
    def write(self, file: IO[bytes], rows: "Rows") -> tuple[list[Row], str]:
        """Writes all; returns where each image lies, and the sha256 of the file."""


class Rows:
    """The readable samples of one shard, read one by one as they are asked for; counts what is left out."""

    def __init__(self, samples: Sequence[Sample], classes: tuple[str, ...], stopped: Callable[[], bool]) -> None:
        self._samples = samples
        self._classes = classes
        self._stopped = stopped
        self.facts: list[Facts] = []
        self.unreadable: list[tuple[str, str]] = []

    def __iter__(self) -> "Rows":
        self._left = iter(self._samples)
        return self

    def __next__(self) -> tuple[Sample, Content]:
        while True:
            if self._stopped():
                raise StoppedError
            sample = next(self._left)
            content = content_of(sample, self._classes)
            if isinstance(content, Content):
                self.facts.append(content.facts)
                return sample, content
            self.unreadable.append((sample.name, content))


@final
class Tar(Form):
    """As WebDataset lays it out."""

    def write(self, file: IO[bytes], rows: Rows) -> tuple[list[Row], str]:
        writer, found, taken = TarWriter(file), list[Row](), set[str]()
        for sample, content in rows:
            key = key_of(sample.name, taken)
            offset = writer.add(f"{key}.{content.extension}", content.image)
            mask = (0, 0)
            for extension, data in label_members(sample, content).items():
                place = writer.add(f"{key}.{extension}", data)
                mask = (place, len(data)) if extension == MASK else mask
            found.append(Row(sample.name, offset, len(content.image), content.label, sample.group or "", mask))
        return found, writer.finish()


TAR: Final = Tar()


def write_shard(
    task: Task,
    samples: Sequence[Sample],
    classes: tuple[str, ...],
    out: Path,
    form: Form,
    stopped: Callable[[], bool],
) -> Written:
    """Into the folder `out`, or what is there already if it was made of the same and is whole. The index comes last:
    a shard that has one is finished. StorageError where it cannot be written; StoppedError."""
    kept = _kept(task, out)
    if kept is not None:
        return kept
    rows = Rows(samples, classes, stopped)
    with replacing(out / task.name) as temporary:
        with temporary.open("wb") as file:
            found, digest = form.write(file, rows)
        size = temporary.stat().st_size
    with replacing(out / (task.name + FACTS)) as temporary:
        temporary.write_bytes(facts_of.to_bytes(rows.facts))
    shard = Shard(task.name, task.split, len(found), size, digest)
    about = {"bytes": size, "sha256": digest, "source": task.source, "unreadable": rows.unreadable}
    with replacing(out / (task.name + INDEX)) as temporary:
        temporary.write_bytes(Index.of(found, **about).to_bytes())
    return Written(shard, kept=False, unreadable=tuple(rows.unreadable))


def files_of(task: Task) -> tuple[str, str, str]:
    """Names of the shard and of what stands beside it."""
    return task.name, task.name + FACTS, task.name + INDEX


def _kept(task: Task, out: Path) -> Written | None:
    path = out / (task.name + INDEX)
    if not task.source or not path.is_file():
        return None
    try:
        index = Index.from_bytes(path.read_bytes(), str(path))
    except DataError:
        return None
    about = index.about
    if about["source"] != task.source or not is_whole(out / task.name, about["bytes"], about["sha256"]):
        return None
    shard = Shard(task.name, task.split, len(index), about["bytes"], about["sha256"])
    return Written(shard, kept=True, unreadable=tuple((name, why) for name, why in about["unreadable"]))

"""shard: any data set as a few large files, for disks and networks that do not like many small ones. Needs no torch."""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from plusx.core.errors import DataError, InputError, InterruptedRunError, StorageError
from plusx.core.locking import locked_at_once
from plusx.core.sample import Listing
from plusx.core.storage import clear_leftovers, write_text
from plusx.data.shards import manifest
from plusx.data.shards.labels import REFUSED
from plusx.data.shards.manifest import Manifest
from plusx.data.shards.parquet import PARQUET
from plusx.data.shards.plan import Filling, Task, bytes_in, plan
from plusx.data.shards.workforce import write_all
from plusx.data.shards.write import TAR, Form, Written, files_of
from plusx.workflows.options import ReadingSettings
from plusx.workflows.origin import refuse_inside
from plusx.workflows.preparation import read_listing
from plusx.workflows.reading import reading_bar, reading_processes
from plusx.workflows.settings import ShardSettings
from plusx.workflows.signature import takes
from plusx.workflows.values import read_settings

FORMS: Final[dict[str, tuple[str, Form]]] = {"tar": (".tar", TAR), "parquet": (".parquet", PARQUET)}
_SHOWN: Final = 5  # unreadable images
_LOCK: Final = ".shards.lock"


@dataclass(frozen=True)
class Sharded:
    """What lies in `path`: images of every split, in `shards` files of `bytes` together, `kept` of them from before.

    `unreadable`: (name, why) of the images that were left out.
    """

    path: Path
    images: dict[str, int]
    shards: int
    kept: int
    bytes: int
    unreadable: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]

    def lines(self) -> Iterator[str]:
        """For a terminal."""
        yield from self.notes
        for name, why in self.unreadable[:_SHOWN]:
            yield f"left out: {name}: {why}"
        if len(self.unreadable) > _SHOWN:
            yield f"… and {len(self.unreadable) - _SHOWN} more unreadable images; all stand in {manifest.NAME}"
        for split, count in self.images.items():
            yield f"{split}: {count} images"
        kept = f", {self.kept} of them from before" if self.kept else ""
        yield f"Written to {self.path}: {self.shards} shards{kept}, {self.bytes / 1e6:.1f} MB"


@takes(ShardSettings)
def shard(data: Any, out: str | os.PathLike[str], **settings: Any) -> Sharded:
    """Writes `data` (anything that `fit` takes) into shards in the directory `out`, with their manifest.

    The files are the images' own, byte for byte. Called again after an interruption it goes on: finished shards are
    verified and kept. InputError where `out` holds something else or lies inside of the data; DataError for data that
    cannot be read; InterruptedRunError after Ctrl-C.
    """
    options = read_settings(ShardSettings, settings)
    suffix, form = FORMS[options.to]
    filling = Filling(bytes_in(options.size), options.images, suffix)
    path = Path(out)
    _check_place(path, data)
    reading = {field.name for field in fields(ReadingSettings)}
    listing = read_listing(data, read_settings(ReadingSettings, {name: vars(options)[name] for name in reading}))
    if listing.kind == "masks":
        raise DataError(REFUSED.format(kind="The overlapping masks"))
    with _held(path):
        return _write(listing, path, form, filling, reading_processes(options.workers))


def _check_place(out: Path, data: Any) -> None:
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file. Give a directory to write shards to.")
    if out.is_dir() and not (out / manifest.NAME).is_file() and any(one.name != _LOCK for one in out.iterdir()):
        raise InputError(f"{out} is not empty and holds no shards of plusx. Give another directory, or empty it.")
    refuse_inside(data, out, "Give another directory.")


@contextlib.contextmanager
def _held(out: Path) -> Iterator[None]:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{out} could not be made: {error.strerror}.") from error
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locked_at_once(out / _LOCK))
        except BlockingIOError:
            raise InputError(f"Another process writes shards to {out}. Wait for it, or give another.") from None
        except OSError as error:
            raise StorageError(f"{out} could not be written to: {error.strerror}.") from error
        yield


def _write(listing: Listing, out: Path, form: Form, filling: Filling, workers: int) -> Sharded:
    tasks = plan(listing, filling)
    clear_leftovers(out, [manifest.NAME, *(name for task in tasks for name in files_of(task))])
    about = Manifest(listing.kind, listing.classes, _source(listing, tasks), finished=False, plusx=version("plusx"))
    _refuse_other(out, about)
    if not (out / manifest.NAME).is_file():  # one that is there stays true: what is written again is the same
        write_text(out / manifest.NAME, about.to_text())
    done: dict[str, Written] = {}
    total = sum(map(len, listing.splits.values()))
    try:
        with reading_bar(Console(stderr=True), "writing shards") as progress:
            images = 0
            for task, written in write_all(tasks, listing, out, form, workers):
                done[task.name] = written
                images += task.end - task.begin
                progress(images, total)
    except KeyboardInterrupt:
        raise InterruptedRunError(
            f"Stopped with {len(done)} of {len(tasks)} shards written to {out}. The same command goes on from there."
        ) from None
    ordered = [done[task.name] for task in tasks]
    unreadable = tuple(pair for one in ordered for pair in one.unreadable)
    if not any(one.shard.images for one in ordered):
        raise DataError(f"None of the {total} images can be read, e.g. {unreadable[0][0]}: {unreadable[0][1]}.")
    whole = replace(about, finished=True, shards=tuple(one.shard for one in ordered), unreadable=unreadable)
    write_text(out / manifest.NAME, whole.to_text())
    size, kept = sum(one.shard.bytes for one in ordered), sum(one.kept for one in ordered)
    return Sharded(out, whole.images(), len(ordered), kept, size, unreadable, listing.notes)


def _source(listing: Listing, tasks: list[Task]) -> str:
    """A digest of what the shards are made of and how they are divided."""
    text = "\n".join([listing.kind, *listing.classes, *(f"{t.name} {t.begin} {t.end} {t.source}" for t in tasks)])
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _refuse_other(out: Path, about: Manifest) -> None:
    path = out / manifest.NAME
    if path.is_file() and Manifest.from_bytes(path.read_bytes(), str(path)).source != about.source:
        raise InputError(
            f"{out} holds shards of other data, or of the same with other settings. Give another, or delete it."
        )

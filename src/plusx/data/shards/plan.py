"""Which samples go into which shard: in their order, until a shard is full. Nothing is read but the sizes of files."""

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from plusx.core.errors import InputError
from plusx.core.masks import LazyMask
from plusx.core.sample import Listing, Sample
from plusx.data.masks import MaskFile
from plusx.data.shards.labels import text_of

IN_MEMORY: Final = 1000
"""Images of a shard where no number is asked for and their files' sizes are not known."""


_UNITS: Final = {"": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}


@dataclass(frozen=True)
class Filling:
    """When a shard is full: at `size` bytes of images, or at `images` of them. suffix: of its file."""

    size: int
    images: int | None
    suffix: str


@dataclass(frozen=True)
class Task:
    """One shard to be written: samples begin..end of a split. source: a digest of what goes into it; "" where that
    cannot be told without reading, so that no earlier shard is taken for it."""

    name: str
    split: str
    begin: int
    end: int
    source: str


def plan(listing: Listing, filling: Filling) -> list[Task]:
    """The same tasks for the same data, whoever carries them out."""
    tasks = []
    for split, samples in listing.splits.items():
        for number, (begin, end, source) in enumerate(_filled(samples, listing.classes, filling)):
            tasks.append(Task(f"{split}-{number:05}{filling.suffix}", split, begin, end, source))
    return tasks


def _filled(samples: Sequence[Sample], classes: tuple[str, ...], filling: Filling) -> Iterator[tuple[int, int, str]]:
    """(begin, end, source) of every shard."""
    begin, held, digest, known = 0, 0, hashlib.sha256(), True
    for position, sample in enumerate(samples):
        size, stamp = _stamp(sample)
        most = filling.images or (IN_MEMORY if size is None else None)
        full = position - begin >= most if most else held > 0 and held + (size or 0) > filling.size
        if full:
            yield begin, position, digest.hexdigest() if known else ""
            begin, held, digest, known = position, 0, hashlib.sha256(), True
        held += size or 0
        known = known and size is not None
        text = f"{sample.name}\0{sample.group}\0{stamp}\0{text_of(sample.target, classes)}\n"
        digest.update(text.encode("utf-8", "surrogateescape"))
    if begin < len(samples):
        yield begin, len(samples), digest.hexdigest() if known else ""


def _stamp(sample: Sample) -> tuple[int | None, str]:
    """The size of the file in bytes, None of what is no file; and what changes when file or mask do."""
    size, stamp = _of_file(sample.image)
    match sample.target:
        case MaskFile(source=Path() as path):
            return size, f"{stamp} {_of_file(path)[1]}"
        case LazyMask():
            return None, ""
    return size, stamp


def _of_file(source: object) -> tuple[int | None, str]:
    if not isinstance(source, Path):
        return None, ""
    try:
        status = os.stat(source)  # noqa: PTH116 - speed
    except OSError:
        return 0, "missing"
    return status.st_size, f"{status.st_size} {status.st_mtime_ns}"


def bytes_in(text: str) -> int:
    """`256MB` → 256,000,000; InputError for what is no size, or a shard that would hold almost nothing."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmg]i?b)?", text.strip().lower())
    size = int(float(found[1]) * _UNITS[found[2] or ""]) if found else 0
    if size < 1000:
        raise InputError(f"size {text!r}: expected a number and a unit, at least 1kB, such as 256MB or 1GB.")
    return size

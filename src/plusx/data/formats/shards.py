"""Shards: many images in few files, tar as WebDataset lays them out, here or elsewhere. `plusx shard` writes them."""

import fnmatch
import hashlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from plusx.core.errors import DataError
from plusx.core.sample import Kind
from plusx.core.storage import replacing
from plusx.data.formats.folders import visible_folders
from plusx.data.formats.format import FORMATS, Entries, Entry, Format
from plusx.data.formats.labels import is_integer
from plusx.data.formats.options import ReadOptions
from plusx.data.formats.shard_labels import foreign_label
from plusx.data.formats.shard_table import ShardFile, ShardTable, StoredMask
from plusx.data.formats.splits import Split, split_of
from plusx.data.masks import MaskFile, Values
from plusx.data.shards import manifest
from plusx.data.shards.index import Index
from plusx.data.shards.labels import label_of
from plusx.data.shards.manifest import Manifest, is_whole
from plusx.data.shards.parquet import ParquetStore
from plusx.data.shards.places import store_at
from plusx.data.shards.store import LocalStore, Store, is_url
from plusx.data.shards.tar import read_rows

LAYOUT = "shards that `plusx shard` wrote, or WebDataset's: DATA/train-0000.tar with a.jpg and a.cls, a.txt or a.json"
IN_PARQUET = "Parquet files alone in a folder, with the bytes of images in one column and labels in another"
SUFFIX = ".tar"
PARQUET = ".parquet"
AT_ONCE = 16  # index files that are asked for at the same time
_NUMBER = re.compile(r"[-_.]?\d+(-of-\d+)?$")
_BRACES = re.compile(r"\{(\d+)\.\.(\d+)\}|\{([^{}]*,[^{}]*)\}")


@dataclass(frozen=True)
class Found:
    """A place with shards; `names`: the files that were asked for, None for all."""

    store: Store
    names: tuple[str, ...] | None


def recognise(source: Any, options: ReadOptions) -> bool:
    """An address; a .tar file or pattern; a folder with a manifest, or with .tar files, alone or by splits."""
    if is_url(source):
        return True
    if not isinstance(source, (str, os.PathLike)):
        return False
    path = Path(source)
    if not path.is_dir():
        return is_pattern(source) or (path.suffix == SUFFIX and path.is_file())
    if (path / manifest.NAME).is_file():
        return True
    folders = visible_folders(path)
    if folders:
        return all(split_of(folder.name) and _has(folder, SUFFIX) for folder in folders)
    return _has(path, SUFFIX)


def is_pattern(source: Any) -> bool:
    """`train-{000..012}.tar`, `train-*.tar`."""
    name = Path(source).name
    return (
        not Path(source).exists()
        and name.endswith((SUFFIX, PARQUET))
        and ("*" in name or _BRACES.search(name) is not None)
    )


def _has(folder: Path, suffix: str) -> bool:
    with os.scandir(folder) as children:
        return any(child.name.endswith(suffix) and not child.name.startswith(".") for child in children)


def find(source: Any, cache: Path | None = None) -> Found:
    """DataError for an address of a kind that is not understood."""
    if is_url(source):
        parent, _, last = source.rstrip("/").rpartition("/")
        if last.endswith((SUFFIX, PARQUET)):
            store = store_at(parent, cache)
            return Found(store, tuple(_expanded(last, store)))
        return Found(store_at(source.rstrip("/"), cache), None)
    path = Path(source)
    if path.is_dir():
        return Found(LocalStore(path), None)
    store = LocalStore(path.parent)
    return Found(store, (path.name,) if path.exists() else tuple(_expanded(path.name, store)))


def _expanded(pattern: str, store: Store) -> Iterator[str]:
    """`a-{00..02}` → `a-00`, `a-01`, `a-02`; `*` among the files that are there."""
    braces = _BRACES.search(pattern)
    if braces is not None:
        first, last, listed = braces.groups()
        numbers = [] if first is None else [f"{n:0{len(first)}}" for n in range(int(first), int(last) + 1)]
        for part in numbers if listed is None else listed.split(","):
            yield from _expanded(pattern[: braces.start()] + part + pattern[braces.end() :], store)
    elif "*" in pattern:
        yield from fnmatch.filter(store.names(), pattern)
    else:
        yield pattern


def read(source: Any, options: ReadOptions) -> Entries:
    """By the manifest where there is one; else every tar file's headers are read once, and kept in `options.cache`."""
    found = find(source, options.cache)
    root = Path(source) if isinstance(source, (str, os.PathLike)) and not is_url(source) else None
    if found.store.size(manifest.NAME) is not None:
        about = open_manifest(found.store)
        shards = tuple(shard for shard in about.shards if found.names is None or shard.name in found.names)
        if shards and len(shards) == len(found.names or about.shards):
            return _own(found.store, replace(about, shards=shards), options, root)
    return _others(found, options, root, str(source))


def open_manifest(store: Store) -> Manifest:
    """DataError if there is none, or the shards are not finished."""
    where = store.where(manifest.NAME)
    found = Manifest.from_bytes(store.read_all(manifest.NAME), where)
    if not found.finished:
        raise DataError(f"{where}: the shards are not finished. Go on with `plusx shard` as it was called before.")
    return found


def verify(source: Any, progress: Callable[[int, int], None]) -> None:
    """DataError naming the first shard whose content is not what the manifest says. Reads all; only shards here.

    Shards without a manifest have nothing to be compared with.
    """
    found = find(source)
    store = found.store
    if not isinstance(store, LocalStore) or found.names is not None or store.size(manifest.NAME) is None:
        return
    shards = open_manifest(store).shards
    for number, shard in enumerate(shards):
        if not is_whole(store.root / shard.name, shard.bytes, shard.sha256):
            raise DataError(
                f"{store.where(shard.name)} is damaged: its content is not what {manifest.NAME} says. Copy it again, "
                "or call `plusx shard` as before, which writes it again."
            )
        progress(number + 1, len(shards))


def _own(store: Store, about: Manifest, options: ReadOptions, root: Path | None) -> Entries:
    def load(shard: manifest.Shard) -> ShardFile:
        name = shard.name + manifest.INDEX
        index = Index.from_bytes(store.read_all(name), store.where(name))
        if len(index) != shard.images or index.about.get("sha256") != shard.sha256:
            raise DataError(f"{store.where(name)} belongs to another shard than the manifest says. Copy both again.")
        size = store.size(shard.name) if isinstance(store, LocalStore) else shard.bytes
        if size != shard.bytes:
            told = "is not there" if size is None else f"has {size} bytes"
            raise DataError(f"{store.where(shard.name)} {told}; expected {shard.bytes} bytes. Copy the shard again.")
        return ShardFile(shard.name, split_of(shard.split) or "train", index)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        shards = list(pool.map(load, about.shards))
    table = ShardTable(store, shards, None if about.kind == "label" else _decoder(about))
    left_out = f"{len(about.unreadable)} unreadable images were left out when the shards were written"
    notes = (*about.notes, *([left_out] if about.unreadable else []))
    if about.kind == "mask":
        return Entries(_with_masks(table, about.classes), "mask", about.classes, root=root, notes=notes)
    columns = about.classes if about.kind == "value" else ("value",)
    return Entries(table, about.kind, () if about.kind == "value" else about.classes, columns, root, notes)


def _decoder(about: Manifest) -> Any:
    return partial(label_of, kind=about.kind) if about.kind != "mask" else (lambda text, where: None)


def _with_masks(table: ShardTable, classes: Sequence[str]) -> list[Entry]:
    coding = Values(tuple((index, index) for index in range(len(classes))))
    return [
        Entry(one.image, MaskFile(StoredMask(table, row), coding, one.name), one.name, one.split, one.group)
        for row, one in enumerate(table)
    ]


def _others(found: Found, options: ReadOptions, root: Path | None, source: str) -> Entries:
    names = (
        found.names
        if found.names is not None
        else tuple(name for name in found.store.names() if name.endswith((SUFFIX, PARQUET)))
    )
    if not names:
        there = ", ".join(found.store.names()[:5]) or "nothing"
        raise DataError(f"{source} holds no {manifest.NAME} and no .tar or .parquet; found {there}. Expected {LAYOUT}.")
    tables = [name for name in names if name.endswith(PARQUET)]
    if tables and len(tables) < len(names):
        raise DataError(f"{source} holds tar files and Parquet files; name one kind: {source}/*.tar")
    store = ParquetStore(found.store, options.image_column) if tables else found.store
    shards = [ShardFile(name, _split(name), _indexed(store, name, options)) for name in names]
    if not any(len(shard.index) for shard in shards):
        raise DataError(f"{source}: no image in {len(names)} files. Expected {LAYOUT}.")
    kind: Kind | None = "label" if all(is_integer(text) for shard in shards for text in shard.index.labels) else None
    plain = kind == "label" and options.kind in (None, "label")
    decode = partial(foreign_label, column=options.label_column)
    count = sum(len(shard.index) for shard in shards)
    notes = (f"shards without a manifest: the places of {count} images were read from the shards themselves",)
    return Entries(ShardTable(store, shards, None if plain else decode), kind, root=root, notes=notes)


def _split(name: str) -> Split:
    """`train-000.tar`, `val/000.tar`; "train" where neither says."""
    folder, _, file = name.rpartition("/")
    return split_of(_NUMBER.sub("", file.removesuffix(SUFFIX).removesuffix(PARQUET))) or split_of(folder) or "train"


def _indexed(store: Store, name: str, options: ReadOptions) -> Index:
    cache = options.cache
    if store.size(name) is None:
        raise DataError(f"{store.where(name)}: there is no such file.")
    kept = (
        None
        if cache is None
        else cache / f"{hashlib.sha256(f'{store.stamp(name)} {options.label_columns}'.encode()).hexdigest()}.index"
    )
    if kept is not None and kept.is_file():
        try:
            return Index.from_bytes(kept.read_bytes(), str(kept))
        except (DataError, OSError):  # it is made again
            pass
    read = store.rows(name, options.label_column) if isinstance(store, ParquetStore) else read_rows(store, name)
    index = Index.of(list(read))
    if kept is not None:
        try:
            kept.parent.mkdir(parents=True, exist_ok=True)
            with replacing(kept) as temporary:
                temporary.write_bytes(index.to_bytes())
        except OSError:  # it only saves time
            pass
    return index


def recognise_parquet(source: Any, options: ReadOptions) -> bool:
    """A folder of Parquet files alone, which no reader of tables has taken for one."""
    if is_url(source) or not isinstance(source, (str, os.PathLike)) or not Path(source).is_dir():
        return False
    return not visible_folders(Path(source)) and _has(Path(source), PARQUET)


_OPTIONS = frozenset({"label_column", "image_column"})
FORMATS.register("shards")(Format(recognise, read, LAYOUT, _OPTIONS, rank=-10))
FORMATS.register("parquet files")(Format(recognise_parquet, read, IN_PARQUET, _OPTIONS, rank=9))

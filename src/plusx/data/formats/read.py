"""Any data set in, one Listing out: the format is recognised by what the source is and holds."""

import importlib
import os
import pkgutil
from collections.abc import Sequence
from dataclasses import fields, replace
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from plusx.core.errors import DataError, nearest
from plusx.core.sample import Listing
from plusx.data import formats
from plusx.data.formats.format import FORMATS, Entries, Entry, shown
from plusx.data.formats.joining import joined
from plusx.data.formats.listing import to_listing
from plusx.data.formats.options import DEFAULTS, ReadOptions
from plusx.data.formats.shards import is_pattern
from plusx.data.shards.store import is_url

__all__ = ["ReadOptions", "read"]

for _module in sorted(module.name for module in pkgutil.iter_modules(formats.__path__)):
    if _module != "read":
        importlib.import_module(f"{formats.__name__}.{_module}")

GENERAL = frozenset(
    {"classes", "validation_data", "kind", "separator", "group_pattern"}
    | {"missing_files", "exclude", "broken", "cache"}
)
"""Options that the reader of any format obeys, or that ask for nothing where there are no rows."""


def read(source: Any, options: ReadOptions = DEFAULTS) -> Listing:
    """The data set with class names indexed once over all splits ("train", "val", "test").

    source: the path of a folder or table (CSV, TSV, Parquet), a DataFrame, arrays or tensors (x, y), a torch dataset
    or a Hugging Face data set. Classes stand in natural order (`class2` before `class10`), unless the source or
    `options` declares an order. What was decided on the way stands in `Listing.notes`.
    DataError says what was found in `source` and what is understood.
    """
    try:
        name = _recognised(source, options)
        found = FORMATS[name].read(source, options)
        found = replace(found, notes=(*found.notes, *_without_effect(name, options)))
        if options.validation_data is not None:
            found = _with_second_source(found, options)
    except OSError as error:
        raise DataError(f"{error.filename or source} could not be read: {error.strerror or error}.") from error
    return to_listing(found, options, name)


def _recognised(source: Any, options: ReadOptions) -> str:
    if isinstance(source, (str, os.PathLike)) and not (is_url(source) or is_pattern(source)):
        _check_path(source)
    for name in sorted(FORMATS, key=lambda name: (FORMATS[name].rank, name)):
        if FORMATS[name].recognise(source, options):
            return name
    what = source if isinstance(source, (str, os.PathLike)) else f"An object of type {type(source).__name__}"
    layouts = "".join(f"\n- {entry.layout}" for entry in FORMATS.values())
    raise DataError(f"{what} is no data set that is understood. Expected one of:{layouts}")


SLASHES = tuple(filter(None, (os.sep, os.altsep)))
ALIKE = 0.5
"""The likeness from which on a name is worth asking after; of `flower` and `flowers` it is 0.92."""


def _check_path(source: str | os.PathLike[str]) -> None:
    """DataError with the nearest names that exist, if the path does not: folders, unless a file was meant."""
    path = Path(source)
    if path.exists():
        return
    parent = path.parent
    while not parent.exists() and parent != parent.parent:
        path, parent = parent, parent.parent
    meant_file = path.suffix and path == Path(source) and not os.fspath(source).endswith(SLASHES)
    visible = [child for child in _children(parent) if not child.name.startswith(".")]
    names = [child.name for child in visible if meant_file or child.is_dir()]
    close = [os.fspath(parent / name) for name in nearest(path.name, names) if _alike(name, path.name)]
    where = "" if path.is_absolute() else f" in the current directory, {Path.cwd()}"
    raise DataError(f"{path} does not exist{where}. {_hint(close, parent, sorted(names), meant_file)}")


def _children(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:  # a file, or a folder that may not be read
        return []


def _alike(name: str, other: str) -> bool:
    return SequenceMatcher(None, name.casefold(), other.casefold()).ratio() >= ALIKE


def _hint(close: Sequence[str], parent: Path, names: Sequence[str], meant_file: Any) -> str:
    if close:
        return f"Did you mean {' or '.join(close)}?"
    what = "files and folders" if meant_file else "folders"
    return f"The {what} in {parent}: {shown(names)}." if names else f"There are no {what} in {parent}."


def _without_effect(name: str, options: ReadOptions) -> list[str]:
    given = [field.name for field in fields(options) if getattr(options, field.name) != field.default]
    useless = sorted(set(given) - GENERAL - FORMATS[name].options)
    return [f"{option} has no effect on {name}" for option in useless]


def _with_second_source(found: Entries, options: ReadOptions) -> Entries:
    """Both sources' entries; the second ones become "val"."""
    if any(entry.split == "val" for entry in found.entries):
        raise DataError("validation_data is given, but the data set already has a validation split; leave one out.")
    source = options.validation_data
    if found.kind in ("mask", "masks"):  # the second source's values are looked up among the first one's classes
        options = replace(options, kind=found.kind, classes=options.classes or found.classes)
    try:
        second = FORMATS[_recognised(source, options)].read(source, options)
    except DataError as error:
        raise DataError(f"validation_data: {error}") from error
    notes = tuple(f"validation_data: {note}" for note in second.notes if note not in found.notes)
    return joined(found, replace(second, entries=[_renamed(entry) for entry in second.entries], notes=notes))


def _renamed(entry: Entry) -> Entry:
    name = f"val[{entry.name.removeprefix('train[')}" if entry.name.startswith("train[") else entry.name
    return replace(entry, split="val", name=name)

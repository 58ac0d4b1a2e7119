"""Any data set in, one Listing out: the format is recognised by what the source is and holds."""

import importlib
import os
import pkgutil
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from plusx.core.errors import DataError, nearest
from plusx.core.sample import Listing
from plusx.data import formats
from plusx.data.formats.format import FORMATS, Entries, Entry
from plusx.data.formats.joining import joined
from plusx.data.formats.listing import to_listing
from plusx.data.formats.options import DEFAULTS, ReadOptions

__all__ = ["ReadOptions", "read"]

for _module in sorted(module.name for module in pkgutil.iter_modules(formats.__path__)):
    if _module != "read":
        importlib.import_module(f"{formats.__name__}.{_module}")

GENERAL = frozenset({"classes", "validation_data", "kind", "separator", "group_pattern", "missing_files"})
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
    if isinstance(source, (str, os.PathLike)):
        _check_path(Path(source))
    for name in sorted(FORMATS, key=lambda name: (FORMATS[name].rank, name)):
        if FORMATS[name].recognise(source, options):
            return name
    what = source if isinstance(source, (str, os.PathLike)) else f"An object of type {type(source).__name__}"
    layouts = "".join(f"\n- {entry.layout}" for entry in FORMATS.values())
    raise DataError(f"{what} is no data set that is understood. Expected one of:{layouts}")


def _check_path(path: Path) -> None:
    """DataError with the nearest name that exists, if the path does not."""
    if path.exists():
        return
    parent = path.parent
    while not parent.exists() and parent != parent.parent:
        path, parent = parent, parent.parent
    siblings = [child.name for child in parent.iterdir()] if parent.is_dir() else []
    close = nearest(path.name, siblings, 1)
    hint = f" Did you mean {parent / close[0]}?" if close else ""
    raise DataError(f"{path} does not exist.{hint}")


def _without_effect(name: str, options: ReadOptions) -> list[str]:
    given = [field.name for field in fields(options) if getattr(options, field.name) != field.default]
    useless = sorted(set(given) - GENERAL - FORMATS[name].options)
    return [f"{option} has no effect on {name}" for option in useless]


def _with_second_source(found: Entries, options: ReadOptions) -> Entries:
    """Both sources' entries; the second ones become "val"."""
    if any(entry.split == "val" for entry in found.entries):
        raise DataError("validation_data is given, but the data set already has a validation split; leave one out.")
    source = options.validation_data
    second = FORMATS[_recognised(source, options)].read(source, options)
    return joined(found, replace(second, entries=[_renamed(entry) for entry in second.entries]))


def _renamed(entry: Entry) -> Entry:
    name = f"val[{entry.name.removeprefix('train[')}" if entry.name.startswith("train[") else entry.name
    return replace(entry, split="val", name=name)

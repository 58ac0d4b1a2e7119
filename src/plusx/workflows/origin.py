"""Where data come from: a path, an address, or memory; nothing is ever written among them. Needs no torch."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from plusx.core.errors import InputError
from plusx.data.shards.store import is_url


def origin_of(data: Any) -> Path | str | None:
    """The path or the address as it was given; None for data in memory."""
    if is_url(data):
        return data
    return Path(data) if isinstance(data, str | os.PathLike) else None


def lasting_origin_of(data: Any) -> Path | str | None:
    """The same, with a whole path: it holds in any directory."""
    origin = origin_of(data)
    return origin.resolve() if isinstance(origin, Path) else origin


def name_of(data: Any) -> str | None:
    """Of folder or file, without its ending; None for data in memory."""
    origin = origin_of(data)
    return None if origin is None else Path(origin).resolve().stem


def folder_of(data: Any) -> Path | None:
    """The folder here that the data are, if they are one."""
    origin = origin_of(data)
    return origin if isinstance(origin, Path) and origin.is_dir() else None


def containing(path: Path, folders: Iterable[Path]) -> Path | None:
    """That of `folders` in which `path` lies, or which it is."""
    return next((folder for folder in folders if path.resolve().is_relative_to(folder.resolve())), None)


def refuse_inside(data: Any, path: Path, instead: str) -> None:
    """InputError for a place to write to inside the user's folder of images. instead: what to do."""
    folder = folder_of(data)
    if folder is not None and containing(path, [folder]):
        raise InputError(f"{path} lies inside of the data, {folder}, into which plusx never writes. {instead}")

"""From the address of a place to the store that reads it."""

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from plusx.core.errors import InputError
from plusx.data.shards.blocks import BOUND, Blocks
from plusx.data.shards.filesystems import FileSystem
from plusx.data.shards.http import Http
from plusx.data.shards.plan import bytes_in
from plusx.data.shards.remote import RemoteStore
from plusx.data.shards.store import LocalStore, Store


def store_at(url: str, cache: Path | None) -> Store:
    """cache: a folder on this machine for what was read from elsewhere, at most $PLUSX_SHARD_CACHE (8GB) of it.

    InputError for an address that nothing here can open, MissingExtraError without the library for it.
    """
    scheme = urlsplit(url).scheme.lower()
    if scheme == "file":
        return LocalStore(Path(unquote(urlsplit(url).path)))
    source = Http() if scheme in ("http", "https") else FileSystem(url)
    return RemoteStore(url, source, Blocks(None if cache is None else cache / "blocks", _bound()))


def _bound() -> int:
    text = os.environ.get("PLUSX_SHARD_CACHE")
    try:
        return BOUND if text is None else bytes_in(text)
    except InputError as error:
        raise InputError(f"PLUSX_SHARD_CACHE: {error}") from None

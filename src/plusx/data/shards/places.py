"""From the address of a place to the store that reads it."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from plusx.data.shards.store import LocalStore, Store


def store_at(url: str) -> Store:
    """DataError for an address that nothing here can open."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        return LocalStore(Path(unquote(parts.path)))
    raise NotImplementedError

"""Files at any address that fsspec knows: s3://, gs://, az://, hf://, memory://, ..."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, final

from plusx.core.errors import InputError, MissingExtraError, PlusxError
from plusx.data.shards.remote import Source

_STAMPS = ("ETag", "etag", "md5Hash", "LastModified", "mtime", "created")


@final
class FileSystem(Source):
    """Opened anew in every process: connections do not outlive a copy of their process."""

    def __init__(self, url: str) -> None:
        """MissingExtraError without fsspec; InputError for an address that it does not know, or cannot open."""
        self._root = url
        self._opened: dict[int, Any] = {}
        self._system()

    def about(self, url: str) -> tuple[int, str]:
        with _as_oserror():
            found = self._system().info(self._path(url))
        return int(found["size"]), str(next((found[name] for name in _STAMPS if found.get(name)), ""))

    def fetch(self, url: str, offset: int, length: int) -> bytes:
        with _as_oserror():
            return self._system().cat_file(self._path(url), start=offset, end=offset + length)

    def names(self, url: str) -> list[str]:
        root = self._path(url).rstrip("/")
        with _as_oserror():
            found = self._system().find(root, maxdepth=2)
        return sorted(path[len(root) :].lstrip("/") for path in found)

    def _path(self, url: str) -> str:
        return self._system()._strip_protocol(url)

    def _system(self) -> Any:
        if os.getpid() not in self._opened:
            self._opened = {os.getpid(): _open(self._root)}
        return self._opened[os.getpid()]


@contextmanager
def _as_oserror() -> Iterator[None]:
    """What a library of some cloud raises in its own words is a failure of the connection like any other."""
    try:
        yield
    except (OSError, PlusxError, MemoryError):
        raise
    except Exception as error:
        raise ConnectionError(f"{type(error).__name__}: {error}") from error


def _open(url: str) -> Any:
    try:
        import fsspec
    except ImportError:
        raise MissingExtraError("fsspec", "shards", f"Reading {url}") from None
    try:
        return fsspec.core.url_to_fs(url)[0]
    except (ImportError, ValueError) as error:
        raise InputError(f"{url} cannot be opened: {error}. http:// and https:// need no library.") from error

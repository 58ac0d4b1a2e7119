"""Shards at an address: read in blocks that are kept here, asked for again when the network fails."""

import hashlib
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final, TypeVar, final

from plusx.core.errors import DataError
from plusx.data.shards.blocks import BLOCK, Blocks
from plusx.data.shards.store import Store, cut_short

log = logging.getLogger("plusx")
T = TypeVar("T")

ATTEMPTS: Final = 5
PAUSE: Final = 0.5  # seconds before the second attempt, twice as long before each further one


class Source(ABC):
    """Files by their whole address. OSError where something fails, FileNotFoundError where there is no such file."""

    @abstractmethod
    def about(self, url: str) -> tuple[int, str]:
        """Size in bytes, and what changes when the content does (an ETag, a time), or ""."""

    @abstractmethod
    def fetch(self, url: str, offset: int, length: int) -> bytes:
        """Bytes from `offset` on, fewer than `length` only where the file ends."""

    @abstractmethod
    def names(self, url: str) -> list[str]:
        """Files at this place and directly below it, sorted. NotADirectoryError where that cannot be told."""


@final
class RemoteStore(Store):
    """Files below an address. DataError after ATTEMPTS failures, and at once for what is not there or not allowed."""

    def __init__(self, root: str, source: Source, blocks: Blocks) -> None:
        self.root = root
        self._source = source
        self._blocks = blocks
        self._about: dict[str, tuple[int, str] | None] = {}

    def where(self, name: str) -> str:
        return f"{self.root}/{name}"

    def names(self) -> list[str]:
        return self._tried(self.root, lambda: self._source.names(self.root))

    def size(self, name: str) -> int | None:
        found = self._known(name)
        return None if found is None else found[0]

    def stamp(self, name: str) -> str:
        return f"{self.where(name)} {self._known(name)}"

    def read_all(self, name: str) -> bytes:
        """As it is now: what changes, such as a manifest, is not kept."""
        self._about.pop(name, None)
        size, where = self.size(name), self.where(name)
        if size is None:
            raise DataError(f"{where}: there is no such file.")
        return self._whole(where, 0, size)

    def read(self, name: str, offset: int, length: int) -> bytes:
        where, size = self.where(name), self.size(name)
        if size is None:
            raise DataError(f"{where}: there is no such file.")
        if offset + length > size:
            raise cut_short(where, offset + length)
        key = hashlib.sha256(self.stamp(name).encode()).hexdigest()
        parts = []
        for number in range(offset // BLOCK, -(-(offset + length) // BLOCK)):
            start, stop = number * BLOCK, min((number + 1) * BLOCK, size)
            begin, end = max(offset, start) - start, min(offset + length, stop) - start

            def fetch(start: int = start, stop: int = stop) -> bytes:
                return self._whole(where, start, stop - start)

            parts.append(self._blocks.part(f"{key}-{number}", stop - start, begin, end, fetch))
        return b"".join(parts)

    def _known(self, name: str) -> tuple[int, str] | None:
        if name not in self._about:
            try:
                self._about[name] = self._tried(self.where(name), lambda: self._source.about(self.where(name)))
            except FileNotFoundError:
                self._about[name] = None
        return self._about[name]

    def _whole(self, where: str, offset: int, length: int) -> bytes:
        def fetch() -> bytes:
            data = self._source.fetch(where, offset, length)
            if len(data) != length:
                raise ConnectionError(f"{len(data)} of {length} bytes came")
            return data

        try:
            return self._tried(where, fetch)
        except FileNotFoundError:
            raise DataError(f"{where}: there is no such file.") from None

    def _tried(self, where: str, attempt: Callable[[], T]) -> T:
        for number in range(1, ATTEMPTS + 1):
            try:
                return attempt()
            except FileNotFoundError:
                raise
            except NotADirectoryError:
                raise DataError(
                    f"{where}: what lies there cannot be listed. Name the files: {where}/train-{{000..012}}.tar, or "
                    "write shards with `plusx shard`, whose manifest names them."
                ) from None
            except PermissionError as error:
                raise DataError(f"{where}: access was refused ({error}). Check the credentials.") from error
            except OSError as error:
                if number == ATTEMPTS:
                    raise DataError(
                        f"{where}: could not be read in {ATTEMPTS} attempts ({error}). Check the address and the "
                        "connection; an interrupted fit goes on with --resume."
                    ) from error
                pause = PAUSE * 2 ** (number - 1)
                log.warning("%s: reading failed (%s); trying again in %.1f s", where, error, pause)
                time.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

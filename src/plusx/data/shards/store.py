"""Where shards lie: a folder here, or elsewhere. Bytes are read by their place in a file."""

import re
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, final

from plusx.core.errors import DataError
from plusx.data.images import printable

_URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)


def is_url(source: Any) -> bool:
    """Whether it is an address, such as s3://bucket/flowers; file:// is one too."""
    return isinstance(source, str) and _URL.match(source) is not None


class Store(ABC):
    """Files by name below one place. All methods raise DataError that names the file."""

    @abstractmethod
    def where(self, name: str) -> str:
        """How errors call a file."""

    @abstractmethod
    def names(self) -> list[str]:
        """Files in this place and directly below it, sorted, with slashes."""

    @abstractmethod
    def size(self, name: str) -> int | None:
        """In bytes; None if there is no such file."""

    @abstractmethod
    def read(self, name: str, offset: int, length: int) -> bytes:
        """Exactly `length` bytes. DataError where the file ends before."""

    def read_all(self, name: str) -> bytes:
        size = self.size(name)
        if size is None:
            raise DataError(f"{self.where(name)}: there is no such file.")
        return self.read(name, 0, size)

    def stamp(self, name: str) -> str:
        """What changes when the file does."""
        return f"{self.where(name)} {self.size(name)}"


@final
class LocalStore(Store):
    """A folder on this machine. A file is opened for every reading: 10 µs beside the milliseconds of decoding."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def where(self, name: str) -> str:
        return printable(str(self.root / name))

    def names(self) -> list[str]:
        children = [self.root, *(child for child in self.root.iterdir() if child.is_dir())]
        files = [file for folder in children for file in folder.iterdir() if file.is_file()]
        return sorted(file.relative_to(self.root).as_posix() for file in files if not file.name.startswith("."))

    def size(self, name: str) -> int | None:
        try:
            return (self.root / name).stat().st_size
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unread(name, error) from error

    def read(self, name: str, offset: int, length: int) -> bytes:
        try:
            with (self.root / name).open("rb") as file:
                file.seek(offset)
                data = file.read(length)
        except OSError as error:
            raise self._unread(name, error) from error
        if len(data) != length:
            raise cut_short(self.where(name), offset + length)
        return data

    def stamp(self, name: str) -> str:
        status = (self.root / name).stat()
        return f"{(self.root / name).resolve()} {status.st_size} {status.st_mtime_ns}"

    def _unread(self, name: str, error: OSError) -> DataError:
        return DataError(f"{self.where(name)}: could not be read: {error.strerror or error}.")


def cut_short(where: str, end: int) -> DataError:
    return DataError(f"{where}: ends before byte {end}, where its index says an image lies. Copy the shard again.")

"""Tar files as WebDataset lays them out: `key.jpg` and `key.cls` or `key.json` one after the other. No library needed.

Format: POSIX.1-1988 (ustar) with GNU long names, as `tar` itself writes it. Everything that could differ between two
writings (times, owners, order) is fixed, so that equal samples make equal bytes.
"""

import hashlib
import io
import tarfile
from collections.abc import Iterator
from typing import IO, Any, Final

from plusx.core.errors import DataError
from plusx.data.images import IMAGE_SUFFIXES
from plusx.data.shards.index import Row
from plusx.data.shards.store import Store

_BLOCK: Final = tarfile.BLOCKSIZE
_READ_AHEAD: Final = 1 << 16  # bytes; more than a header, less than most images
LABELS: Final = ("cls", "txt", "json")
"""Members that say what an image is labelled with; the first that is there counts."""


class TarWriter:
    """Adds members to `file`, and keeps count of size and sha256."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.size = 0

    def add(self, name: str, data: bytes) -> int:
        """Returns where the data begin in the file."""
        info = tarfile.TarInfo(name)
        info.size, info.mode = len(data), 0o644
        self._write(info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape"))
        offset = self.size
        self._write(data)
        self._write(bytes(-len(data) % _BLOCK))
        return offset

    def finish(self) -> str:
        """Writes the end of the archive; returns the sha256 of all."""
        self._write(bytes(2 * _BLOCK))
        self._write(bytes(-self.size % tarfile.RECORDSIZE))
        return self._digest.hexdigest()

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._digest.update(data)
        self.size += len(data)


class StoredFile(io.RawIOBase):
    """A file of a store, to be read from front to end with jumps."""

    def __init__(self, store: Store, name: str) -> None:
        size = store.size(name)
        if size is None:
            raise DataError(f"{store.where(name)}: there is no such file.")
        self._store, self._name, self._size, self._place = store, name, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        return self._place

    def tell(self) -> int:
        return self._place

    def readinto(self, buffer: Any) -> int:
        length = max(0, min(len(buffer), self._size - self._place))
        buffer[:length] = self._store.read(self._name, self._place, length)
        self._place += length
        return length


def read_rows(store: Store, name: str) -> Iterator[Row]:
    """What a tar of others holds, found by its headers; files of labels are read. Members of one key follow each other.

    DataError for a compressed or damaged archive, and for an image without a label.
    """
    with io.BufferedReader(StoredFile(store, name), _READ_AHEAD) as file:
        try:
            with tarfile.open(fileobj=file, mode="r:") as archive:
                key, members = "", dict[str, tarfile.TarInfo]()
                for member in archive:
                    archive.members = []  # type: ignore[attr-defined]  # else it keeps all it has passed
                    if not member.isreg() or member.name.rpartition("/")[2].startswith((".", "__")):
                        continue
                    here, extension = split_name(member.name)
                    if here != key:
                        yield from _row(key, members, archive, store.where(name))
                        key, members = here, {}
                    members[extension] = member
                yield from _row(key, members, archive, store.where(name))
        except tarfile.TarError as error:
            raise DataError(
                f"{store.where(name)}: no tar file that can be read at any place ({error}). A compressed one has to "
                "be unpacked first (gunzip); one that was cut off, copied again."
            ) from error


def split_name(name: str) -> tuple[str, str]:
    """WebDataset's key and extension: parted at the first dot of the last component, the extension in lower case."""
    folder, slash, file = name.rpartition("/")
    stem, _, extension = file.partition(".")
    return f"{folder}{slash}{stem}", extension.lower()


def _row(key: str, members: dict[str, tarfile.TarInfo], archive: tarfile.TarFile, where: str) -> Iterator[Row]:
    images = [extension for extension in members if is_image(extension) and not extension.startswith(("mask", "seg"))]
    if not images:
        return
    image = members[images[0]]
    label = next((extension for extension in LABELS if extension in members), None)
    if label is None:
        raise DataError(
            f"{where}: {image.name} has no label beside it. Expected {key}.cls (a class), {key}.txt (a class name or "
            f"a number) or {key}.json. Found: {', '.join(sorted(members))}."
        )
    file = archive.extractfile(members[label])
    assert file is not None, "regular members have content"
    try:
        text = file.read().decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise DataError(f"{where}: {members[label].name} is no text in UTF-8 ({error}).") from error
    yield Row(key, image.offset_data, image.size, text)


def is_image(extension: str) -> bool:
    """Of a member: `jpg`, `left.png`."""
    return f".{extension.rpartition('.')[2]}" in IMAGE_SUFFIXES

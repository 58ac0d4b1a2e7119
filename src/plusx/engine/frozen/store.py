"""Maps on the disk, a row a picture, in half precision: written once, read as memory.

Rows count only from when they are on the disk, so that neither a kill nor a power cut leaves half a row behind. Several
processes may share a store: they write the same.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from plusx.core.errors import StorageError
from plusx.core.locking import locked
from plusx.core.storage import write_text

COMMITTED: Final = 64 << 20
"""Bytes after which what was written is brought to the disk, and counts."""


class MapStore:
    """`rows` maps of one shape each, which the first ones that are put decide; float16."""

    def __init__(self, directory: Path, rows: int) -> None:
        """Opens what is there, or begins anew. Raises StorageError."""
        self.directory, self.rows = directory, rows
        self._shape: tuple[int, ...] | None = None
        self._values: NDArray[Any] | None = None
        self._pending: list[int] = []
        try:
            directory.mkdir(parents=True, exist_ok=True)
            with locked(directory / "lock"):
                self._open()
        except OSError as error:
            raise self._failed(error) from error

    def _open(self) -> None:
        directory, rows = self.directory, self.rows
        if (about := _read(directory / "about.json")) is not None and about["rows"] == rows:
            self._shape = tuple(about["shape"])
            os.utime(directory)  # used now: the last to be taken away
        else:
            for name in ("done", "maps"):
                (directory / name).unlink(missing_ok=True)
        self._done_file = _opened(directory / "done", rows)
        self._map_file = _opened(directory / "maps", rows * self._row_bytes)
        self.done = np.fromfile(directory / "done", dtype=np.uint8, count=rows).astype(bool)

    @property
    def _row_bytes(self) -> int:
        return 0 if self._shape is None else 2 * int(np.prod(self._shape))

    def has(self, rows: Sequence[int]) -> bool:
        """Whether all of them are there."""
        return bool(self.done[list(rows)].all())

    def get(self, rows: Sequence[int]) -> Tensor:
        """(len(rows), ...), float16, on the CPU."""
        assert self._shape is not None
        if self._values is None:
            self._values = np.memmap(self.directory / "maps", np.float16, "r", shape=(self.rows, *self._shape))
        return torch.from_numpy(self._values[list(rows)])

    def put(self, rows: Sequence[int], maps: Tensor) -> None:
        """maps: (len(rows), ...), float16. Raises StorageError."""
        values = maps.cpu().contiguous().numpy()
        try:
            if self._shape is None:
                self._shape = values.shape[1:]
                os.ftruncate(self._map_file, self.rows * self._row_bytes)
                write_text(self.directory / "about.json", json.dumps({"rows": self.rows, "shape": self._shape}))
            for row, value in zip(rows, values, strict=True):
                _write(self._map_file, value.tobytes(), row * self._row_bytes)
            self._pending += rows
            self.done[list(rows)] = True
            if len(self._pending) * self._row_bytes >= COMMITTED:
                self.commit()
        except OSError as error:
            raise self._failed(error) from error

    def commit(self) -> None:
        """What was put is on the disk, and counts from now on. Raises StorageError."""
        if not self._pending:
            return
        try:
            os.fsync(self._map_file)
            for row in self._pending:
                _write(self._done_file, b"\1", row)
            self._pending = []
        except OSError as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """After it, nothing can be read or written."""
        for file in (self._done_file, self._map_file):
            os.close(file)

    def _failed(self, error: OSError) -> StorageError:
        if isinstance(error, StorageError):
            return error
        return StorageError(f"Maps could not be kept in {self.directory}: {error.strerror or error}.")


def _read(path: Path) -> dict[str, Any] | None:
    """What it says; None where it says nothing."""
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return {"rows": int(found["rows"]), "shape": [int(one) for one in found["shape"]]}
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _opened(path: Path, size: int) -> int:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)
    os.ftruncate(handle, max(size, os.fstat(handle).st_size))
    return handle


def _write(handle: int, content: bytes, offset: int) -> None:
    """All of it: a system may take less at a time."""
    os.lseek(handle, offset, os.SEEK_SET)
    view = memoryview(content)
    while view:
        view = view[os.write(handle, view) :]

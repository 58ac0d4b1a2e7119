"""Maps on the disk, a row a picture, in half precision: written once, read as memory.

Rows count only from when they are on the disk, so that neither a kill nor a power cut leaves half a row behind. Several
processes may share a store: they write the same, and each counts what was there when it opened it.
"""

import json
import math
import mmap
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from plusx.core.errors import StorageError
from plusx.core.locking import locked
from plusx.core.storage import open_sized, write_at, write_text

COMMITTED: Final = 64 << 20
"""Bytes after which what was written is brought to the disk, and counts."""


class MapStore:
    """`rows` maps of one `shape` each, float16. What is open here stays readable when its files are taken away."""

    def __init__(self, directory: Path, rows: int, shape: Sequence[int]) -> None:
        """Opens what is there, or begins anew where it is of other rows or another shape. Raises StorageError."""
        self.directory, self.rows, self.shape = directory, rows, tuple(shape)
        self._row_bytes = 2 * math.prod(self.shape)
        self._pending: list[int] = []
        try:
            directory.mkdir(parents=True, exist_ok=True)
            with locked(directory / "lock"):
                self._open({"rows": rows, "shape": list(self.shape)})
            os.utime(directory)  # used now: the last to be taken away
        except (OSError, ValueError) as error:
            raise self._failed(error) from error

    def _open(self, about: dict[str, Any]) -> None:
        """Under the lock. Files that fit are never replaced: another process may be at work on them."""
        fits = _read(self.directory / "about.json") == about
        for name in () if fits else ("done", "maps"):
            (self.directory / name).unlink(missing_ok=True)
        self._done_file = open_sized(self.directory / "done", self.rows)
        self._map_file = open_sized(self.directory / "maps", self.rows * self._row_bytes)
        if not fits:
            write_text(self.directory / "about.json", json.dumps(about))
        self.done = np.fromfile(self.directory / "done", dtype=np.uint8, count=self.rows).astype(bool)
        size = self.rows * self._row_bytes
        self._values = mmap.mmap(self._map_file, size, access=mmap.ACCESS_READ)  # of the open file, whatever its name

    def has(self, rows: Sequence[int]) -> bool:
        """Whether all of them are there."""
        return bool(self.done[list(rows)].all())

    def get(self, rows: Sequence[int]) -> Tensor:
        """(len(rows), *shape), float16, on the CPU."""
        values = np.frombuffer(self._values, np.float16).reshape(self.rows, *self.shape)
        return torch.from_numpy(values[list(rows)])

    def put(self, rows: Sequence[int], maps: Tensor) -> None:
        """maps: (len(rows), *shape), float16. Rows that are there stay as they are. Raises StorageError."""
        values = maps.cpu().contiguous().numpy()
        try:
            for row, value in zip(rows, values, strict=True):
                if not self.done[row]:
                    write_at(self._map_file, value.tobytes(), row * self._row_bytes)
                    self._pending.append(row)
                    self.done[row] = True
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
                write_at(self._done_file, b"\1", row)
            self._pending = []
        except OSError as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """After it, nothing can be read or written."""
        self._values.close()
        for file in (self._done_file, self._map_file):
            os.close(file)

    def _failed(self, error: Exception) -> StorageError:
        if isinstance(error, StorageError):
            return error
        return StorageError(f"Maps could not be kept in {self.directory}: {getattr(error, 'strerror', None) or error}.")


def _read(path: Path) -> dict[str, Any] | None:
    """What it says; None where it says nothing."""
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return {"rows": int(found["rows"]), "shape": [int(one) for one in found["shape"]]}
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None

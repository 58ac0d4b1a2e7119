"""Parts of files that lie elsewhere, kept here: blocks of 8 MiB in one folder, the oldest go when there are too many.

A network answers in milliseconds whether it is asked for one image or for eighty, so it is asked for eighty. Processes
share the folder; a block that two ask for at once is fetched twice, and nothing else happens.
"""

import contextlib
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, final

BLOCK: Final = 1 << 23  # bytes
BOUND: Final = 8 << 30  # bytes of all blocks: more than a window of eight shards of 256 MB, while the next one begins
_FRESH: Final = 60.0  # seconds within which a use need not be written down


@final
class Blocks:
    """Blocks below `folder`, together at most about `bound` bytes. None: nothing is kept but the last block."""

    def __init__(self, folder: Path | None, bound: int = BOUND) -> None:
        self._folder = folder
        self._bound = bound
        self._last: tuple[str, bytes] = ("", b"")

    def part(self, name: str, size: int, begin: int, end: int, fetch: Callable[[], bytes]) -> bytes:
        """Bytes begin..end of the block `name`, of which `fetch` gets all `size`."""
        kept = self._kept(name, size, begin, end)
        if kept is None:
            data = fetch()
            self._keep(name, data)
            kept = data[begin:end]
        return kept

    def _kept(self, name: str, size: int, begin: int, end: int) -> bytes | None:
        if self._last[0] == name:
            return self._last[1][begin:end]
        if self._folder is None:
            return None
        path = self._folder / name
        try:
            with path.open("rb") as file:
                status = os.fstat(file.fileno())
                if status.st_size != size:  # a power cut while it was written
                    return None
                if time.time() - status.st_mtime > _FRESH:
                    os.utime(path)
                file.seek(begin)
                return file.read(end - begin)
        except OSError:  # not there, or taken away just now
            return None

    def _keep(self, name: str, data: bytes) -> None:
        """In memory where the disk does not take it: it only saves time."""
        if self._folder is None:
            self._last = name, data
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=self._folder, prefix=".")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                Path(temporary).replace(self._folder / name)
            finally:
                Path(temporary).unlink(missing_ok=True)
            self._shrink()
        except OSError:
            self._last = name, data

    def _shrink(self) -> None:
        assert self._folder is not None, "called after something was kept"
        found = []
        with os.scandir(self._folder) as children:
            for child in children:
                with contextlib.suppress(OSError):
                    status = child.stat()
                    found.append((status.st_mtime, status.st_size, child.path))
        held = sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if held <= self._bound:
                break
            with contextlib.suppress(OSError):
                Path(path).unlink()
            held -= size

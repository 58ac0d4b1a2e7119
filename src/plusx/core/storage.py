"""Writing files whole or not at all. Needs no torch."""

import contextlib
import glob
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from plusx.core.errors import StorageError


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary file beside `path` to write to; it takes the place of `path` when the block ends well.

    The content is on the disk before the name changes, so a power cut leaves the old file or the new one. When the
    block fails, `path` stays as it was. OSError becomes StorageError: disk full, no permission, no such directory.
    """
    temporary: Path | None = None
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=path.suffix)
        temporary = Path(name)
        os.close(handle)
        yield temporary
        _flush(temporary)
        temporary.chmod(0o644)
        temporary.replace(path)
        _flush(path.parent)
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        reason = error.strerror or str(error)
        raise StorageError(f"{path} could not be written: {reason}. What was there before is untouched.") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def clear_leftovers(directory: Path, names: Iterable[str]) -> None:
    """Removes what a process left that was killed while it wrote one of these files. Nobody may be writing now."""
    for name in names:
        path = Path(name)
        for leftover in directory.glob(f".{glob.escape(path.stem)}.????????{glob.escape(path.suffix)}"):
            leftover.unlink()


def write_text(path: Path, text: str) -> None:
    """UTF-8, whole or not at all.

    Names of files that are no text in this locale hold lone surrogates; they are written as `\\udcff`, as JSON has it.
    """
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def open_sized(path: Path, size: int) -> int:
    """A handle to read and write the file, made where there is none, of `size` bytes at least. Raises OSError."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)
    if os.fstat(handle).st_size < size:
        os.ftruncate(handle, size)
    return handle


def write_at(handle: int, content: bytes, offset: int) -> None:
    """All of it: a system may take less at a time. Raises OSError."""
    os.lseek(handle, offset, os.SEEK_SET)
    view = memoryview(content)
    while view:
        view = view[os.write(handle, view) :]


def _flush(path: Path) -> None:
    """Waits until file or directory is on the disk; a system that cannot flush directories is let off."""
    directory = path.is_dir()
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        if directory:
            return
        raise
    try:
        os.fsync(handle)
    except OSError:
        if not directory:
            raise
    finally:
        os.close(handle)

"""One process at a time. The system lets go of a lock when its process ends, however it ends. Needs no torch.

The file of a lock stays: taking it away while another process waits for it would let two in. Copies of a process (fork)
let go of what it holds: loading processes outlive a killed parent by seconds, and nobody could go on with its run.
"""

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path

_TAKEN = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)

if sys.platform == "win32":
    import msvcrt

    def _try(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)

    def _wait(handle: int) -> None:
        """Windows itself gives up after ten seconds."""
        while True:
            try:
                return msvcrt.locking(handle, msvcrt.LK_LOCK, 1)
            except OSError as error:
                if error.errno not in _TAKEN:
                    raise
else:
    import fcntl

    def _try(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _wait(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX)


_HELD: set[int] = set()


def _let_go() -> None:
    for handle in _HELD:
        os.close(handle)
    _HELD.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds the lock of the file `path`, made where there is none; waits for whoever has it. Raises OSError."""
    with _opened(path) as handle:
        _wait(handle)
        yield


@contextlib.contextmanager
def locked_at_once(path: Path) -> Iterator[None]:
    """As `locked`, but BlockingIOError where another has it. File systems without locks are let off."""
    with _opened(path) as handle:
        try:
            _try(handle)
        except OSError as error:
            if error.errno in _TAKEN:
                raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN), os.fspath(path)) from None
        yield


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    _HELD.add(handle)
    try:
        yield handle
    finally:
        if handle in _HELD:  # not in a copy of the process that holds it
            _HELD.remove(handle)
            os.close(handle)

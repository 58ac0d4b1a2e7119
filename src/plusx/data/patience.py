"""Reading once more what could not be read: disks behind a network, and files that are being replaced, come back."""

import errno
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import sleep
from typing import Final, Generic, TypeVar

from plusx.core.errors import DataError

T = TypeVar("T")

WAITS: Final = (0.5, 2.0, 5.0)
"""Seconds before the second, third and fourth try."""

_NAMES = (
    *("EIO", "ESTALE", "ETIMEDOUT", "EAGAIN", "EINTR", "EBUSY", "EREMOTEIO", "ENOLINK", "ECOMM", "EPROTO", "ENOTCONN"),
    *(
        "ECONNRESET",
        "ECONNREFUSED",
        "ECONNABORTED",
        "EHOSTDOWN",
        "EHOSTUNREACH",
        "ENETDOWN",
        "ENETUNREACH",
        "ENETRESET",
    ),
)
TRANSIENT: Final = frozenset(getattr(errno, name) for name in _NAMES if name in vars(errno))
"""What a disk behind a network says while it is away."""


@dataclass(frozen=True)
class Found(Generic[T]):
    """What was read, at which try (from 1), and what was wrong at the one before."""

    value: T
    tries: int = 1
    trouble: str = ""


def patiently(read: Callable[[], T], waits: tuple[float, ...] = WAITS) -> Found[T]:
    """`read()`, after `waits` again where a disk or network failed, and after the first of them alone for anything else
    that is wrong with a file. Raises what the last try raised.

    Functions of a user's data set that fail in their own way are not called twice.
    """
    tries, trouble = 1, ""
    while True:
        try:
            return Found(read(), tries, trouble)
        except Exception as error:
            if (wait := _wait(error, tries, waits)) is None:
                raise
            trouble = str(error) or type(error).__name__
        sleep(wait)
        tries += 1


def _wait(error: Exception, tries: int, waits: tuple[float, ...]) -> float | None:
    """Seconds before another try; None where there is to be none."""
    number = next((one.errno for one in _chain(error) if isinstance(one, OSError) and one.errno), None)
    if number in TRANSIENT:
        allowed = len(waits)
    else:
        allowed = 1 if number is not None or isinstance(error, DataError | MemoryError) else 0
    return waits[tries - 1] if tries <= min(allowed, len(waits)) else None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it came from."""
    current: BaseException | None = error
    while current is not None:
        yield current
        current = current.__cause__ or current.__context__


def why(error: BaseException) -> str:
    """In words, also where the error has none of its own."""
    if any(isinstance(one, MemoryError) for one in _chain(error)):
        return "memory ran out"
    return str(error) or type(error).__name__

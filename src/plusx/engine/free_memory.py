"""How much memory of the host there is for this process, and how much it took."""

import contextlib
import os
from pathlib import Path

_GROUP = Path("/sys/fs/cgroup")


def free_memory() -> int | None:
    """Bytes that may still be taken, by the machine and by the limit of the container; None where nobody says."""
    found = [_of_machine(), _of_container()]
    return min((size for size in found if size is not None), default=None)


def forget_peak() -> None:
    """`peak` counts from here on, where the system lets it (Linux)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak() -> int | None:
    """The most bytes of memory that this process held; None where nobody says (other systems than Linux)."""
    return _status("VmHWM")


def held() -> int | None:
    """Bytes of memory that this process holds now; as `peak`."""
    return _status("VmRSS")


def _status(name: str) -> int | None:
    return _kilobytes(Path("/proc/self/status"), name)


def _of_machine() -> int | None:
    available = _kilobytes(Path("/proc/meminfo"), "MemAvailable")
    if available is None:
        with contextlib.suppress(ValueError, OSError, AttributeError):
            return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    return available


def _of_container() -> int | None:
    """Control groups, version 2."""
    try:
        most, current = ((_GROUP / name).read_text().strip() for name in ("memory.max", "memory.current"))
    except OSError:
        return None
    return max(0, int(most) - int(current)) if most.isdigit() else None


def _kilobytes(path: Path, name: str) -> int | None:
    with contextlib.suppress(OSError):
        for line in path.read_text().splitlines():
            if line.startswith(f"{name}:"):
                return 1024 * int(line.split()[1])
    return None

"""Where maps and images are kept that can be made again, and how much of the disk they may take."""

import hashlib
import shutil
from pathlib import Path
from typing import Final

from plusx.core.errors import StorageError
from plusx.workflows.environment import cache_directory
from plusx.workflows.fit_settings import FitSettings

SHARE: Final = 0.5
"""Of the free disk that may be taken."""

MAPS: Final = 0.25
IMAGES: Final = 0.5
OLD: Final = 0.25
"""Of the room: for a run's maps, for its decoded images, and for what earlier runs have kept."""


def kept_directory() -> Path:
    """Each thing that is kept is a directory in it. StorageError where it cannot be made."""
    directory = cache_directory() / "kept"
    try:
        directory.mkdir(exist_ok=True)
    except OSError as error:
        raise StorageError(f"{directory} could not be made: {error.strerror or error}.") from error
    return directory


def place_of(key: str) -> Path:
    """The directory of what the key stands for. StorageError where it cannot be made."""
    return kept_directory() / hashlib.sha256(key.encode()).hexdigest()[:16]


def room_for(settings: FitSettings) -> float:
    """Bytes that a run may take; 0 where nothing can be kept."""
    try:
        free = shutil.disk_usage(cache_directory()).free
    except (StorageError, OSError):
        return 0
    return min(settings.cache_limit * 1e9, SHARE * free)


def make_room(directory: Path, limit: float) -> None:
    """Takes away what was not used for the longest time, until no more than OLD of `limit` bytes is left.

    A process that has it open goes on reading it.
    """
    stores = sorted(map(_used, directory.iterdir()))
    total = sum(size for _, size, _ in stores)
    for _, size, store in stores:
        if total <= OLD * limit:
            return
        shutil.rmtree(store, ignore_errors=True)
        total -= size


def _used(store: Path) -> tuple[float, int, Path]:
    """When, and how many bytes it has; nothing of what another process takes away at this moment."""
    try:
        return store.stat().st_mtime, sum(file.stat().st_size for file in store.iterdir()), store
    except OSError:
        return 0.0, 0, store

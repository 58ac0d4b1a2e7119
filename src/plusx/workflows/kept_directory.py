"""Where maps and images are kept that can be made again, and how much of the disk they may take."""

import shutil
from pathlib import Path
from typing import Final

from plusx.core.errors import StorageError
from plusx.workflows.environment import cache_directory
from plusx.workflows.fit_settings import FitSettings

SHARE: Final = 0.5
"""Of the free disk that may be taken."""


def kept_directory() -> Path:
    """Each thing that is kept is a directory in it. StorageError and OSError where it cannot be made."""
    directory = cache_directory() / "kept"
    directory.mkdir(exist_ok=True)
    return directory


def room_for(settings: FitSettings) -> float:
    """Bytes that a run may take; 0 where nothing can be kept."""
    try:
        free = shutil.disk_usage(cache_directory()).free
    except (StorageError, OSError):
        return 0
    return min(settings.cache_limit * 1e9, SHARE * free)


def make_room(directory: Path, limit: float) -> None:
    """Takes away what was not used for the longest time, until half of `limit` bytes is free."""
    stores = sorted((one for one in directory.iterdir() if one.is_dir()), key=lambda one: one.stat().st_mtime)
    sizes = [sum(file.stat().st_size for file in store.iterdir()) for store in stores]
    for store, size in zip(stores, list(sizes), strict=True):
        if sum(sizes) <= limit / 2:
            return
        shutil.rmtree(store, ignore_errors=True)
        sizes.remove(size)

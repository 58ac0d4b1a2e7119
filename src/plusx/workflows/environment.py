"""The machine and the software of a run, and where what can be made again is kept."""

import logging
import os
import platform
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from plusx.core.errors import StorageError

log = logging.getLogger("plusx")

LIBRARIES = ("plusx", "torch", "torchvision", "numpy", "pillow", "onnx", "onnxruntime", "safetensors")


def environment() -> dict[str, str | int]:
    """Names and versions, for the record; nothing that tells who or where."""
    import torch

    found: dict[str, str | int] = {
        "python": sys.version.split()[0],
        "system": platform.platform(terse=True),
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count() or 1,
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "threads": torch.get_num_threads(),
    }
    for library in LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            found[library] = "not installed as a package"
    return found


def cache_directory() -> Path:
    """$PLUSX_CACHE, else $XDG_CACHE_HOME/plusx, else ~/.cache/plusx; made when it is missing.

    StorageError where it cannot be made.
    """
    base = os.environ.get("PLUSX_CACHE")
    try:
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        directory = Path(base) if base else home / "plusx"
    except RuntimeError as error:  # an account without a home
        raise StorageError(f"There is no cache directory: {error} Name one with PLUSX_CACHE.") from error
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"The cache directory {directory} could not be made: {error.strerror}. Name another one with PLUSX_CACHE."
        ) from error
    return directory


def keep_compiled() -> None:
    """What torch.compile makes is kept with everything else, for the next run; where torch puts it by itself it is gone
    when the machine is started anew. Where the user said a place, it is that one. torch decides when it builds its
    first network without memory: afterwards this has no effect.
    """
    with suppress(StorageError):
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache_directory() / "compiled"))


def shard_cache() -> Path | None:
    """Where it is kept where images lie in shards, and parts of shards that lie elsewhere; None where it cannot be."""
    try:
        return cache_directory() / "shards"
    except StorageError:
        return None


def audit_cache() -> Path | None:
    """Where it is kept what the audit knows of files it has read; None, with a warning, where nothing can be kept."""
    try:
        return cache_directory() / "audit.cache"
    except StorageError as error:
        log.warning("%s Until then every image is read anew each time.", error)
        return None

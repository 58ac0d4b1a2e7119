"""Published weights into the cache directory: resumable, checked, and whole or not at all."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from plusx.core.card import Card

Progress: TypeAlias = Callable[[int, int | None], None]
"""Called with the bytes that are there and the bytes there will be (None where the server does not say)."""


def weights_directory() -> Path:
    """Where weights are kept: `PLUSX_WEIGHTS` where set, else `plusx/weights` in the user's cache directory."""
    raise NotImplementedError


def local_path(card: Card, directory: Path | None = None) -> Path:
    """The file of a card, there or not."""
    raise NotImplementedError


def fetch(card: Card, directory: Path | None = None, *, progress: Progress | None = None) -> Path:
    """The file of a card, downloaded where it is not there yet; `directory` defaults to `weights_directory()`.

    Raises `OfflineError` where the server cannot be reached, saying which file to put where; `WeightsError` where
    what arrived has another sha256; `StorageError` where it cannot be written.
    """
    raise NotImplementedError

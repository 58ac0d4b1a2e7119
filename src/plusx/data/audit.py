"""Audit: every file is fully read once before training. Needs no torch; users' files are never modified."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plusx.core.sample import Listing
from plusx.data.inspection.finding import Finding


@dataclass(frozen=True)
class Audit:
    """What was found in `files` images in `seconds`; findings stand in order of severity."""

    findings: tuple[Finding, ...]
    files: int
    seconds: float

    @property
    def unreadable(self) -> tuple[str, ...]:
        """Names of the images that `clean` leaves out: missing, undecodable, cut off."""
        raise NotImplementedError

    def clean(self, listing: Listing) -> Listing:
        """`listing` without the unreadable images, with a note that says how many."""
        raise NotImplementedError

    def summary(self) -> list[str]:
        """Lines for a terminal, errors first; long lists of images are shortened."""
        raise NotImplementedError

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        raise NotImplementedError


def audit(
    listing: Listing,
    *,
    cache: Path | None = None,
    workers: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Audit:
    """Reads every image of `listing` to its last byte and runs all checks.

    cache: a file outside the user's folder; files that kept path, size and mtime are not read again. None: no cache.
    workers: threads (Pillow decodes without the interpreter's lock); 0 chooses. progress: called with (done, total).
    """
    raise NotImplementedError

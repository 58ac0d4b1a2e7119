"""labels.html: pictures whose label is probably wrong, with the given and the proposed one. Needs no torch."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from plusx.core.storage import write_text
from plusx.report.rendering import rendered
from plusx.report.words import share


@dataclass(frozen=True)
class Doubt:
    """`jpeg`: a thumbnail; None if the image could not be read again. confidence: probability of the given label."""

    jpeg: bytes | None
    name: str
    given: str
    proposed: str
    confidence: float

    @property
    def address(self) -> str | None:
        """A data address."""
        return None if self.jpeg is None else "data:image/jpeg;base64," + base64.b64encode(self.jpeg).decode("ascii")


@dataclass(frozen=True)
class Doubts:
    """Everything on the page. pairs: given and proposed class, and how many images. how: by what, in a sentence."""

    title: str
    images: int
    found: int
    shown: Sequence[Doubt]
    pairs: Sequence[tuple[str, str, int]]
    how: str


def write_doubts(path: Path, facts: Doubts) -> None:
    """Writes the page, whole or not at all. StorageError if it cannot be written."""
    write_text(path, rendered("doubts.html", facts=facts, share=share))

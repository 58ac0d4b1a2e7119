"""What a loader does about images that cannot be read while a run goes on, and to whom it speaks of it."""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, final

from plusx.core.batch import Request
from plusx.core.errors import DataError
from plusx.data.reader import Answer

Unreadable = Literal["stop", "skip"]
SHARE: Final = 0.01
"""Of an epoch's images that may be left out; one may in any case."""


@dataclass(frozen=True)
class Handling:
    """`unreadable`: an image that several tries could not read stops the epoch (DataError), or is left out of its
    batch, no other in its place. `tell`: called with what the user should know."""

    unreadable: Unreadable = "stop"
    tell: Callable[[str], None] = logging.getLogger("plusx").warning


STOP: Final = Handling()


@final
class Losses:
    """Counts what one epoch of `images` lost, and says it."""

    def __init__(self, handling: Handling, images: int) -> None:
        self._handling = handling
        self._most = max(1, math.floor(SHARE * images))
        self._lost = self._late = 0

    def settled(self, request: Request, answer: Answer) -> Answer:
        """`answer`, when what it lacks may be done without. Raises DataError."""
        for text in answer.late:
            self._late += 1
            if self._late & (self._late - 1) == 0:  # a disk that is slow for a day is not told of at every image
                self._handling.tell(f"{text}; {self._late} so far in this epoch.")
        for loss in answer.lost:
            self._lost += 1
            shared = request.whole != len(request.indices)
            if self._handling.unreadable == "stop" or shared:
                raise DataError(loss.reason)
            if self._lost > self._most or answer.images is None:
                much = (
                    "all images of a batch" if answer.images is None else f"more than {self._most} images of an epoch"
                )
                raise DataError(f"{loss.reason} Left out were {self._lost - 1} before; {much} are not left out.")
            self._handling.tell(
                f"{loss.reason} It was left out of epoch {request.epoch + 1}: {self._lost} of at most {self._most}."
            )
        return answer

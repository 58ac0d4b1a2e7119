"""What happens to a run besides training, on its way to those who watch it, the checkpoint and the report."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

MOST: Final = 200
"""Notes that a run keeps; observers are told all."""


@dataclass(frozen=True)
class Notes:
    """Filled by parts that know nothing of the loop, such as loaders, from any thread; emptied by the loop."""

    _waiting: deque[str] = field(default_factory=deque)

    def add(self, text: str) -> None:
        """Something the user should know."""
        self._waiting.append(text)

    def taken(self) -> list[str]:
        """All that were added since the last call."""
        found = []
        while self._waiting:
            found.append(self._waiting.popleft())
        return found

"""Pillow's warnings about odd metadata, silenced while it works, in any number of threads at once."""

import re
import threading
import warnings
from typing import Any, Self

_PILLOW = re.compile(r"PIL\.")


class QuietPillow:
    """Context manager. `warnings.catch_warnings` would put back another thread's filters; this takes out its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._filter: Any = None

    def __enter__(self) -> Self:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                warnings.filterwarnings("ignore", module=_PILLOW.pattern)
                self._filter = warnings.filters[0]
        return self

    def __exit__(self, *exception: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0 and self._filter in warnings.filters:
                warnings.filters.remove(self._filter)  # pyrefly: ignore[missing-attribute] - a list at run time


quiet_pillow = QuietPillow()

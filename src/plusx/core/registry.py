"""A table from names to things, filled by the files that define them."""

import fnmatch
from collections.abc import Callable, Iterator, Mapping
from typing import Generic, TypeVar

from plusx.core.errors import unknown

T = TypeVar("T")


class Registry(Mapping[str, T], Generic[T]):
    """Read-only for users: `registry[name]` raises `InputError` with the three nearest names when there is none."""

    def __init__(self, what: str) -> None:
        self.what = what
        self._entries: dict[str, T] = {}

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator that enters a class or function under `name`."""

        def enter(entry: T) -> T:
            assert name not in self._entries, f"{self.what} {name!r} is registered twice"
            self._entries[name] = entry
            return entry

        return enter

    def __getitem__(self, name: str) -> T:
        try:
            return self._entries[name]
        except KeyError:
            raise unknown(self.what, name, self._entries) from None

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def names(self, pattern: str = "*") -> list[str]:
        """Sorted names that match a shell pattern such as `resnet*`."""
        return sorted(name for name in self._entries if fnmatch.fnmatchcase(name, pattern))


def filled(what: str, entries: Mapping[str, T]) -> Registry[T]:
    """A registry with `entries`, for tables that stand in one place."""
    registry: Registry[T] = Registry(what)
    for name, entry in entries.items():
        registry.register(name)(entry)
    return registry

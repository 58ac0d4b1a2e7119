"""Class names: written alike, in one order, indexed once over all splits."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from plusx.core.errors import DataError, nearest
from plusx.data.formats.format import counted, shown

_INTEGER = re.compile(r"[+-]?\d+")


@lru_cache(maxsize=1 << 16, typed=True)
def class_name(label: Any) -> str:
    """A label as a class name: text stripped and in Unicode's composed form, so that é is é however it was typed."""
    if isinstance(label, float) and label.is_integer():
        return str(int(label))
    return unicodedata.normalize("NFC", str(label).strip())


def natural_order(names: Iterable[str]) -> list[str]:
    """Distinct names in the order people count in: `class2` before `class10`, `-1` before `0`, case ignored first."""
    distinct = set(names)
    if all(_INTEGER.fullmatch(name) for name in distinct):
        return sorted(distinct, key=lambda name: (int(name), name))
    return sorted(distinct, key=lambda name: (_natural_key(name), name))


def _natural_key(name: str) -> list[tuple[int, int, str]]:
    parts = re.split(r"(\d+)", name.casefold())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]


def check_distinct(counts: Counter[str]) -> None:
    """DataError if two names differ only in case: on some file systems and for some people they are one."""
    twins: dict[str, str] = {}
    for name in natural_order(counts):
        other = twins.setdefault(name.casefold(), name)
        if other != name:
            raise DataError(
                f"Two classes have the same name up to case: {other!r} ({counted(counts[other], 'image')}) and "
                f"{name!r} ({counted(counts[name], 'image')}). Rename one of them."
            )


class ClassIndex:
    """Label → index. Labels are names; but integers of which not all are names count the classes, as in arrays."""

    def __init__(self, names: tuple[str, ...], labels: Iterable[Any]) -> None:
        self.names = names
        self._indices = {class_name(name): index for index, name in enumerate(names)}
        distinct = {class_name(label) for label in labels}
        self._count = not distinct <= self._indices.keys() and all(map(_INTEGER.fullmatch, distinct))

    def of(self, label: Any, image: str) -> int:
        """DataError naming the image if there is no such class."""
        name = class_name(label)
        if self._count and 0 <= int(name) < len(self.names):
            return int(name)
        if not self._count and name in self._indices:
            return self._indices[name]
        close = ", ".join(nearest(name, self.names))
        raise DataError(
            f"{image}: class {name!r} is not among the {len(self.names)} known classes ({shown(self.names)}). "
            f"Nearest: {close}."
        )

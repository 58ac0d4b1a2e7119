"""What a format is: it recognises a source and reads it into entries, with labels as they stand there."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plusx.core.finding import Finding
from plusx.core.registry import Registry
from plusx.core.sample import ImageSource, Kind
from plusx.data.formats.options import ReadOptions
from plusx.data.formats.splits import Split


@dataclass(frozen=True, slots=True)
class Entry:
    """One image with its label as found: text, a number, a tuple of these, or None where there is none.

    place: where its table has it, such as "line 7"; empty elsewhere.
    """

    image: ImageSource
    label: Any
    name: str
    split: Split = "train"
    group: str | None = None
    place: str = ""

    @property
    def where(self) -> str:
        """How messages call it."""
        return f"{self.name} ({self.place})" if self.place else self.name


@dataclass(frozen=True)
class Entries:
    """All that a format found. `kind` and `classes` only where the source itself declares them."""

    entries: Sequence[Entry]
    kind: Kind | None = None
    classes: tuple[str, ...] = ()  # names in the order of their indices
    columns: tuple[str, ...] = ("value",)  # names of the values, should the labels turn out to be real numbers
    root: Path | None = None
    notes: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Format:
    """One way to keep a data set. Formats of lower `rank` are tried first."""

    recognise: Callable[[Any, ReadOptions], bool]
    read: Callable[[Any, ReadOptions], Entries]
    layout: str  # shown to users whose source nobody recognises
    options: frozenset[str] = field(default=frozenset())  # the ReadOptions that have an effect beyond the general ones
    rank: int = 0


FORMATS: Registry[Format] = Registry("data format")
"""Filled by every file of this package that defines a format."""


def is_instance_of(value: Any, module: str, name: str) -> bool:
    """Whether `value` is an instance of the class `module.name`; a library that nobody imported is not imported."""
    return module in sys.modules and isinstance(value, getattr(sys.modules[module], name))


def shown(names: Sequence[str], count: int = 5) -> str:
    """The first `count` names, for a message."""
    return ", ".join(names[:count]) + (f" and {len(names) - count} more" if len(names) > count else "")


def counted(number: int, noun: str) -> str:
    """`1 image`, `2 images`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

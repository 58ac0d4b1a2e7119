"""What there is: architectures and published weights, read from the `<paper>.toml` beside each `<paper>.py`.

Needs no torch, so that `plusx models` and the shell's completion are quick.
"""

import fnmatch
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from plusx.core.card import Card, Input, Source
from plusx.core.errors import InputError, unknown

TOP_1 = "imagenet-1k top-1"
"""The metric that `best_card` goes by, in percent, at the card's own input size."""

CIFAR_SIZE = 32
"""Pixels of a side, of the networks that were made for CIFAR."""

METRICS = {"top_1": "top-1", "top_5": "top-5"}
"""Key in the files → last word of a metric's name."""


@dataclass(frozen=True)
class Published:
    """What the paper itself says that a network costs, with the digits it prints: "25.5e6", "22,855,952".

    Empty where it says nothing. `source`: the table. `note`: why the project counts something else; `note_zh`: the same
    in Chinese.
    """

    source: str
    parameters: str = ""
    multiply_adds: str = ""
    note: str = ""
    note_zh: str = ""


@dataclass(frozen=True)
class Architecture:
    """One line of a paper's table.

    `parameters` and `multiply_adds` (of one image of `size` × `size` pixels): those of the whole network with the
    paper's own head, 1000 classes at 224 pixels or 10 at 32. `settings`: the defaults that `build` lets one change.
    """

    name: str
    module: str  # file in plusx.backbones
    paper: str
    summary: str
    parameters: int
    multiply_adds: int
    size: int
    settings: Mapping[str, Any] = field(default_factory=dict)
    published: Published | None = None  # None where the paper has no figure of this network
    channels_last: tuple[str, ...] = ()  # types of devices on which it was measured to be faster so

    @property
    def outputs(self) -> int:
        """Classes of that head: CIFAR's or ImageNet's."""
        return 10 if self.size == CIFAR_SIZE else 1000


def architecture(name: str) -> Architecture:
    """The architecture of that name; InputError with the three nearest names when there is none."""
    try:
        return _architectures()[name]
    except KeyError:
        raise unknown("model", name, _architectures()) from None


def architectures(pattern: str = "*") -> list[str]:
    """Sorted names that match a shell pattern such as `resnet*`."""
    return sorted(name for name in _architectures() if fnmatch.fnmatchcase(name, pattern))


def card(name: str) -> Card:
    """The card of that name, e.g. "resnet50.a1_in1k"; InputError with the three nearest names when there is none."""
    try:
        return _card(name)
    except KeyError:
        raise unknown("weights", name, _entries()) from None


def cards(pattern: str = "*") -> list[str]:
    """Sorted names of cards that match a shell pattern such as `resnet50.*`."""
    return sorted(name for name in _entries() if fnmatch.fnmatchcase(name, pattern))


def best_card(architecture_name: str) -> Card:
    """The permissive ImageNet card of that very architecture with the best published top-1; InputError if none."""
    wanted = architecture(architecture_name)
    usable = [c for c in map(card, cards()) if c.architecture == wanted.name and _is_imagenet(c)]
    if not usable:
        raise InputError(
            f"No published ImageNet weights of {wanted.name} may be used freely. Train it from scratch, without "
            f"weights, or name a card (see `plusx models`) or a file"
        )
    return max(usable, key=lambda c: c.metrics.get(TOP_1, 0.0))


def _is_imagenet(candidate: Card) -> bool:
    return candidate.permissive and candidate.vocabulary == "imagenet-1k"


@cache
def _files() -> dict[str, dict[str, Any]]:
    """Paper's file name → what its TOML holds."""
    folder = Path(__file__).parent
    return {path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.toml"))}


@cache
def _architectures() -> dict[str, Architecture]:
    found: dict[str, Architecture] = {}
    for module, content in _files().items():
        for name, facts in content["architectures"].items():
            settings = {**content["settings"], **facts["settings"]}
            found[name] = Architecture(
                name,
                module,
                content["paper"],
                summary=facts["summary"],
                parameters=facts["parameters"],
                multiply_adds=facts["multiply_adds"],
                size=facts["size"],
                settings=MappingProxyType({key: _frozen(value) for key, value in settings.items()}),
                published=Published(**facts["published"]) if "published" in facts else None,
                channels_last=_fast_in_channels_last(name, content.get("channels_last", {})),
            )
    return found


def _fast_in_channels_last(name: str, patterns: Mapping[str, list[str]]) -> tuple[str, ...]:
    """Types of devices under which one of the patterns matches the architecture's name."""
    return tuple(
        device for device, names in patterns.items() if any(fnmatch.fnmatchcase(name, pattern) for pattern in names)
    )


@cache
def _entries() -> dict[str, dict[str, Any]]:
    """Card name → its group's facts and, over them, its own."""
    found: dict[str, dict[str, Any]] = {}
    for content in _files().values():
        for group in content.get("weights", ()):
            for name, facts in group["cards"].items():
                found[name] = {**group, **facts, "input": {**group["input"], **facts.get("input", {})}}
    return found


@cache
def _card(name: str) -> Card:
    entry = _entries()[name]
    source = Source(
        layout=entry["layout"],
        url=entry["url"] + entry["filename"] if "url" in entry else "",
        repository=entry.get("repository", ""),
        filename=entry["filename"],
        sha256=entry.get("sha256", ""),
    )
    metrics = {f"{entry['vocabulary']} {key}": entry[field_] for field_, key in METRICS.items() if field_ in entry}
    return Card(
        name=name,
        architecture=entry.get("architecture", name.split(".")[0]),
        build=entry.get("build", {}),
        input=Input(**{key: _frozen(v) for key, v in entry["input"].items()}),
        vocabulary=entry["vocabulary"],
        source=source,
        licence=entry["licence"],
        permissive=entry["permissive"],
        metrics=metrics,
    )


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value

"""audit.html: what the audit of a data set found, with pictures, in one self-contained page. Needs no torch."""

import base64
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plusx.core.storage import write_text
from plusx.report.facts import Snippet
from plusx.report.rendering import rendered

MOST_LINES = 50
"""Findings of one kind that are listed."""
MOST_PICTURES = 6
"""Pictures of one kind of finding."""
MOST_BYTES = 2_000_000
"""Of all pictures together."""


@dataclass(frozen=True)
class AuditFacts:
    """Everything on the page.

    title: the data set's name. about: lines that say what it is. findings: as `Finding.to_json` gives them, with a
    "command" where one mends it. pictures: small JPEGs by the names of images, None for one that cannot be read.
    """

    title: str
    files: int
    about: Sequence[str] = ()
    findings: Sequence[Mapping[str, Any]] = ()
    pictures: Mapping[str, bytes | None] = field(default_factory=dict)
    next_steps: Sequence[Snippet] = ()


@dataclass(frozen=True)
class _Kind:
    """All findings of one code and severity."""

    code: str
    severity: str
    advice: str
    command: str
    lines: Sequence[str]
    count: int
    pictures: Sequence[tuple[str, str | None]]


def write_audit(path: Path, facts: AuditFacts) -> None:
    """Writes the page, whole or not at all. StorageError if it cannot be written."""
    write_text(path, render(facts))


def render(facts: AuditFacts) -> str:
    """The page as HTML. Bounded, whatever the facts: 50 lines and 6 pictures a kind, 2 MB of pictures in all."""
    counts = Counter(str(finding["severity"]) for finding in facts.findings)
    return rendered("audit.html", facts=facts, kinds=_kinds(facts), counts=counts)


def _kinds(facts: AuditFacts) -> list[_Kind]:
    kinds = dict.fromkeys((str(one["severity"]), str(one["code"])) for one in facts.findings)
    room = [MOST_BYTES]
    return [
        _kind([one for one in facts.findings if (one["severity"], one["code"]) == kind], facts.pictures, room)
        for kind in kinds
    ]


def _kind(alike: Sequence[Mapping[str, Any]], pictures: Mapping[str, bytes | None], room: list[int]) -> _Kind:
    first = alike[0]
    command = next((one["command"] for one in alike if one.get("command")), "")
    lines = [str(one["message"]) for one in alike[:MOST_LINES]]
    shown = _shown(pictured(alike), pictures, room)
    return _Kind(str(first["code"]), str(first["severity"]), str(first["advice"]), command, lines, len(alike), shown)


def pictured(alike: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names of the images that are shown for findings of one kind."""
    names = (name for finding in alike[:MOST_PICTURES] for name in finding["images"][:MOST_PICTURES])
    return list(dict.fromkeys(names))[:MOST_PICTURES]


def _shown(names: Sequence[str], pictures: Mapping[str, bytes | None], room: list[int]) -> list[tuple[str, str | None]]:
    """Names and data addresses; none for pictures that are not there, or for which there is no room."""
    shown: list[tuple[str, str | None]] = []
    for name in names:
        jpeg = pictures.get(name)
        fits = jpeg is not None and len(jpeg) <= room[0]
        if jpeg is not None and fits:
            room[0] -= len(jpeg)
            shown.append((name, "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")))
        else:
            shown.append((name, None))
    return shown if any(picture is not None for _, picture in shown) else []

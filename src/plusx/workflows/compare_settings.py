"""The settings of `compare`. Needs no torch."""

from dataclasses import dataclass
from pathlib import Path

from plusx.workflows.options import option


@dataclass(frozen=True)
class CompareSettings:
    """Compare runs: settings that differ, scores, curves, and whether seeds alone would explain the difference."""

    metric: str | None = option(None, "what to compare by, e.g. macro-f1; none: what the first run was judged by")
    report: Path | None = option(None, "page to write, with curves: out.html", section="The result")


@dataclass(frozen=True)
class CompareInShell(CompareSettings):
    """Compare runs: settings that differ, scores, curves, and whether seeds alone would explain the difference."""

    json: bool = option(False, "print one JSON object")

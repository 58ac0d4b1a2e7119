"""report.html: one self-contained page about a run, readable without scripts and without a network. Needs no torch."""

from pathlib import Path

from plusx.core.storage import write_text
from plusx.report.facts import Facts


def write_report(path: Path, facts: Facts) -> None:
    """Writes the page, whole or not at all. StorageError if it cannot be written."""
    write_text(path, render(facts))


def render(facts: Facts) -> str:
    """The page as HTML."""
    raise NotImplementedError

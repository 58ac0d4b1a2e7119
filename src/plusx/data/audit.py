"""Audit: every file is fully read once before training. Needs no torch; users' files are never modified."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plusx.core.finding import Finding, Severity
from plusx.core.sample import Listing, kept
from plusx.data.inspection.checks import CHECKS
from plusx.data.inspection.facts import UNREADABLE
from plusx.data.inspection.reading import read_all
from plusx.data.inspection.subject import Inspected, Subject

_RANK: dict[Severity, int] = {"error": 0, "warning": 1, "note": 2}
COPIES = ("duplicate", "contradiction", "near-duplicate", "near-contradiction")
"""The findings whose images a validation split has to keep on one side."""

_SHOWN = 3  # findings of one kind that a terminal shows


@dataclass(frozen=True)
class Audit:
    """What was found in `files` images in `seconds`; findings stand in order of severity.

    `images`: every image with the facts of its reading.
    """

    findings: tuple[Finding, ...]
    files: int
    seconds: float
    images: tuple[Inspected, ...] = ()

    @property
    def unreadable(self) -> tuple[str, ...]:
        """Names of the images that `clean` leaves out: missing, undecodable, cut off."""
        return tuple(finding.image or "" for finding in self._lost())

    @property
    def sizes(self) -> frozenset[tuple[int, int]]:
        """The heights and widths of the readable images, in pixels, each once."""
        readable = (image.facts for image in self.images if not image.facts.problem)
        return frozenset((facts.height, facts.width) for facts in readable)

    @property
    def copies(self) -> list[tuple[str, ...]]:
        """Names of the images that show the same, or look alike, in one split or with several labels."""
        return [finding.names for finding in self.findings if finding.code in COPIES]

    def _lost(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.code in UNREADABLE]

    def clean(self, listing: Listing) -> Listing:
        """`listing` without the unreadable images, with a note that says how many."""
        lost = {(finding.split, finding.image) for finding in self._lost()}
        if not lost:
            return listing
        splits = {
            split: kept(samples, lambda sample, split=split: (split, sample.name) not in lost)
            for split, samples in listing.splits.items()
        }
        return listing.with_splits(splits, f"{_count(len(self._lost()), 'unreadable image')} left out")

    def summary(self, command: Callable[[Finding], str] = lambda finding: finding.command) -> list[str]:
        """Lines for a terminal, errors first; of many findings of one kind the first are shown.

        command: what to run so that a finding is gone, "" where no command does it.
        """
        counts = {severity: sum(finding.severity == severity for finding in self.findings) for severity in _RANK}
        told = ", ".join(_count(number, severity) for severity, number in counts.items() if number)
        lines = [f"{_count(self.files, 'image')} read in {self.seconds:.1f} s: {told or 'nothing found'}"]
        kinds = dict.fromkeys((finding.severity, finding.code) for finding in self.findings)
        for severity, code in kinds:
            alike = [finding for finding in self.findings if (finding.severity, finding.code) == (severity, code)]
            lines += [f"  {severity} [{code}] {finding.message}" for finding in alike[:_SHOWN]]
            if len(alike) > _SHOWN:
                lines.append(f"    … and {len(alike) - _SHOWN} more [{code}]")
            lines.append(f"    → {alike[0].advice}")
            lines += [f"      {told}" for told in dict.fromkeys(map(command, alike)) if told]
        return lines

    def to_json(self, command: Callable[[Finding], str] = lambda finding: finding.command) -> dict[str, Any]:
        """Plain JSON values; `command` of each finding as for `summary`."""
        return {
            "files": self.files,
            "seconds": self.seconds,
            "unreadable": list(self.unreadable),
            "findings": [finding.to_json() | {"command": command(finding)} for finding in self.findings],
        }


def audit(
    listing: Listing,
    *,
    cache: Path | None = None,
    workers: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Audit:
    """Reads every image of `listing` to its last byte and runs all checks.

    cache: a file outside the user's folder; files that kept path, size and mtime are not read again. None: no cache.
    workers: files read at once; 0 takes one for each core. progress: called with (done, total).
    """
    began = time.perf_counter()
    placed = [(split, sample) for split, samples in listing.splits.items() for sample in samples]
    facts = read_all([sample for _, sample in placed], cache, workers, progress or _silent)
    images = tuple(Inspected(split, sample, found) for (split, sample), found in zip(placed, facts, strict=True))
    subject = Subject(listing, images)
    findings = [*listing.findings, *(finding for check in CHECKS for finding in check(subject))]
    findings.sort(key=lambda finding: _RANK[finding.severity])
    return Audit(tuple(findings), len(images), time.perf_counter() - began, images)


def _silent(done: int, total: int) -> None:
    pass


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"

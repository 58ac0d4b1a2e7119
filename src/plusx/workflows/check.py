"""check: the audit of a data set, without training on it. Needs no torch; never writes into the user's folder."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from rich.console import Console

from plusx.core.errors import DataError
from plusx.core.sample import Listing
from plusx.core.targets import Boxes
from plusx.data.audit import Audit, audit
from plusx.data.formats.format import counted
from plusx.data.formats.shards import verify
from plusx.workflows.audit_report import (
    Command,
    fixes,
    mending,
    refuse_among,
    training_without,
    write_fix_list,
    write_page,
)
from plusx.workflows.environment import audit_cache
from plusx.workflows.origin import origin_of
from plusx.workflows.preparation import read_listing
from plusx.workflows.reading import reading_bar, reading_processes
from plusx.workflows.settings import CheckInShell, CheckSettings
from plusx.workflows.signature import takes
from plusx.workflows.values import read_settings

_SHOWN = 10  # class names


@dataclass(frozen=True)
class Checked:
    """A data set as it was read, and what the audit found in it. command: what to run so that a finding is gone."""

    listing: Listing
    audit: Audit
    command: Command = attrgetter("command")

    @property
    def sound(self) -> bool:
        """Whether `--strict` lets it pass: nothing was found but notes."""
        return all(finding.severity == "note" for finding in self.audit.findings)

    def lines(self) -> Iterator[str]:
        """For a terminal: what the data set is, then what was found, errors first."""
        listing = self.listing
        images = sum(map(len, listing.splits.values()))
        yield f"{images} images ({listing.format}), {_labels(listing)}"
        yield "; ".join(f"{split}: {len(samples)}" for split, samples in listing.splits.items())
        yield from listing.notes
        yield from self.audit.summary(self.command)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values: `images` per split, `classes`, and the audit's `findings`."""
        listing = self.listing
        about = {
            "format": listing.format,
            "kind": listing.kind,
            "classes": list(listing.classes),
            "images": {split: len(samples) for split, samples in listing.splits.items()},
            "notes": list(listing.notes),
        }
        return {**about, **self.audit.to_json(self.command)}


@takes(CheckSettings)
def check(data: Any, **settings: Any) -> Checked:
    """Read every image of `data` (folder, table, arrays, data set) once, with the settings of `CheckSettings`.

    With `strict`, DataError at any finding that is more than a note. InputError where `report` or `fix_list` lie inside
    of the data.
    """
    options = read_settings(CheckSettings, settings)
    checked = examine(data, options)
    if options.strict and not checked.sound:
        raise DataError(refusal(checked))
    return checked


def examine(data: Any, options: CheckSettings) -> Checked:
    """As `check`, whatever is found."""
    listing = read_listing(data, options, broken="finding")
    refuse_among(data, listing, report=options.report, fix_list=options.fix_list)
    console = Console(stderr=True)
    if listing.format == "shards":
        with reading_bar(console, "comparing shards with their manifest") as progress:
            verify(data, progress)
    with reading_bar(console, "reading every image once") as progress:
        found = audit(listing, cache=audit_cache(), workers=reading_processes(options.workers), progress=progress)
    if options.report is not None:
        write_page(options.report, listing, found, data, options)
    if options.fix_list is not None:
        write_fix_list(options.fix_list, found)
    return Checked(listing, found, mending(data, options, listing))


def report(data: Any, **settings: Any) -> tuple[list[str], bool]:
    """(the lines that the shell prints, whether the data passes): all findings, also with `strict`."""
    options = read_settings(CheckInShell, settings)
    checked = examine(data, options)
    if options.json:
        lines = [json.dumps(checked.to_json(), ensure_ascii=False)]
    else:
        lines = [*checked.lines(), *_written(data, checked, options)]
    return lines, checked.sound or not options.strict


def _written(data: Any, checked: Checked, options: CheckSettings) -> Iterator[str]:
    """Where the files are, and how the list is used."""
    left_out = len(fixes(checked.audit))
    if options.report is not None:
        yield f"Report: {options.report}"
    if options.fix_list is not None:
        yield f"{left_out} names to leave out: {options.fix_list}"
        if left_out and origin_of(data) is not None:
            yield f"Train without them: {training_without(data, options, checked.listing, options.fix_list)}"
    elif left_out and origin_of(data) is not None:
        yield f"{counted(left_out, 'name')} could be left out; --fix-list fix.csv writes them down for --exclude."


def refusal(checked: Checked) -> str:
    """What `strict` says."""
    return "The data has findings and `strict` was asked for:\n" + "\n".join(checked.audit.summary(checked.command))


def _labels(listing: Listing) -> str:
    names = listing.classes
    shown = ", ".join(names[:_SHOWN]) + (f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
    match listing.kind:
        case "label":
            return f"{len(names)} classes: {shown}"
        case "labels":
            return f"several of {len(names)} labels: {shown}"
        case "value":
            return f"values: {shown}"
        case "boxes":
            return f"{_boxes(listing)} of {len(names)} classes: {shown}"
        case "mask":
            return f"masks of {len(names)} classes: {shown}"
        case "masks":
            return f"overlapping masks of {len(names)} classes: {shown}"


def _boxes(listing: Listing) -> str:
    """How many there are and how many of them are ignored."""
    found = [s.target for samples in listing.splits.values() for s in samples if isinstance(s.target, Boxes)]
    ignored = sum(int(boxes.ignored.sum()) for boxes in found)
    return f"{sum(map(len, found))} boxes" + (f" ({ignored} ignored)" if ignored else "")

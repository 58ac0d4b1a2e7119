"""What comes of an audit: commands that mend findings, the page, the list of images to leave out. Needs no torch."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from plusx.core.errors import InputError
from plusx.core.finding import Finding
from plusx.core.sample import Listing, Sample
from plusx.core.storage import write_text
from plusx.core.targets import Boxes
from plusx.data.audit import Audit
from plusx.report.audit_page import AuditFacts, pictured, write_audit
from plusx.report.facts import Snippet
from plusx.report.thumbnail import thumbnail
from plusx.workflows.command import command_of
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.options import ReadingSettings, changed_from_default
from plusx.workflows.origin import containing, origin_of
from plusx.workflows.settings import CheckSettings

SIDE = 160  # pixels of a thumbnail

Command = Callable[[Finding], str]
"""What to run so that a finding is gone; "" where no command does it."""


def title_of(data: Any) -> str:
    """What a page calls it."""
    origin = origin_of(data)
    return "data in memory" if origin is None else Path(origin).resolve().name


def mending(data: Any, settings: ReadingSettings, listing: Listing) -> Command:
    """`plusx fit` with what `settings` say of the data and what each finding proposes, as a line that can be pasted."""
    given = _as_fit(settings, listing)

    def command(finding: Finding) -> str:
        if not finding.options:
            return ""
        words = zip(finding.options[::2], finding.options[1::2], strict=True)
        changes: dict[str, Any] = {word.removeprefix("--").replace("-", "_"): value for word, value in words}
        return command_of(origin_of(data), replace(given, **changes))

    return command


def training_without(data: Any, settings: ReadingSettings, listing: Listing, fix_list: Path) -> str:
    """The line that trains without what a fix list names."""
    return command_of(origin_of(data), replace(_as_fit(settings, listing), exclude=fix_list, missing_files="error"))


def _as_fit(settings: ReadingSettings, listing: Listing) -> FitSettings:
    """With what they say of the data; where it lacks images, they are passed by as `check` does."""
    if isinstance(settings, FitSettings):
        return replace(settings, out=None, resume=None, overwrite=False)
    changed = changed_from_default(settings)
    reading: dict[str, Any] = {one.name: changed[one.name] for one in fields(ReadingSettings) if one.name in changed}
    lacking = any(finding.code in ("row-without-image", "annotation-without-image") for finding in listing.findings)
    if lacking:
        reading["missing_files"] = "skip"
    return FitSettings(**reading)


def write_page(path: Path, listing: Listing, audit: Audit, data: Any, settings: ReadingSettings) -> None:
    """The page about `audit`, with the pictures of `listing` as it was read. StorageError if it cannot be written."""
    findings = audit.to_json(mending(data, settings, listing))["findings"]
    counts = "; ".join(f"{split}: {len(samples)}" for split, samples in listing.splits.items())
    about = [f"{listing.format}, {len(listing.classes)} classes, {counts}"]
    steps = next_steps(audit, listing, data, settings)
    write_audit(path, AuditFacts(title_of(data), audit.files, about, findings, pictures(listing, findings), steps))


def next_steps(audit: Audit, listing: Listing, data: Any, settings: ReadingSettings) -> list[Snippet]:
    """How to leave out what a fix list leaves out."""
    count = len(fixes(audit))
    if not count or origin_of(data) is None:
        return []
    reading = replace(CheckSettings(), **{one.name: getattr(settings, one.name) for one in fields(ReadingSettings)})
    plain = command_of(origin_of(data), replace(_as_fit(reading, listing), missing_files="error"))
    check = f"{plain.replace('plusx fit', 'plusx check', 1)} --fix-list fix.csv"
    code = f"{check}\n{training_without(data, settings, listing, Path('fix.csv'))}"
    return [Snippet(f"leave out what is broken or there twice: {count} names, which the first line writes down", code)]


def pictures(listing: Listing, findings: Sequence[Mapping[str, Any]]) -> dict[str, bytes | None]:
    """Small JPEGs of the images that the page shows, by name."""
    kinds = dict.fromkeys((finding["severity"], finding["code"]) for finding in findings)
    groups = {kind: [one for one in findings if (one["severity"], one["code"]) == kind] for kind in kinds}
    wanted = {name: code for (_, code), alike in reversed(groups.items()) for name in pictured(alike)}
    samples: dict[str, Sample] = {}
    for own in listing.splits.values():
        samples |= {sample.name: sample for sample in own if sample.name in wanted}
    found: dict[str, bytes | None] = {}
    for name, code in wanted.items():
        sample, beside = samples.get(name), None if listing.root is None else listing.root / name
        if sample is not None:
            boxes = sample.target.corners if isinstance(sample.target, Boxes) and code.startswith("box") else None
            found[name] = thumbnail(sample.image, SIDE, boxes)
        elif beside is not None and beside.is_file():
            found[name] = thumbnail(beside, SIDE)
    return found


def fixes(audit: Audit) -> dict[str, list[Finding]]:
    """The names that a fix list leaves out, with the findings for which it does."""
    found: dict[str, list[Finding]] = {}
    for finding in audit.findings:
        for name in finding.excluded:
            found.setdefault(name, []).append(finding)
    return found


def write_fix_list(path: Path, audit: Audit) -> int:
    """A CSV with the columns name, finding, reason, which `--exclude` understands; how many names it holds.

    Of the same images that of train, or the first, stays; of those with contradicting labels none does.
    """
    found = fixes(audit)
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("name", "finding", "reason"))
    for name, findings in found.items():
        rows.writerow((name, " ".join(dict.fromkeys(one.code for one in findings)), findings[0].message))
    write_text(path, text.getvalue())
    return len(found)


def refuse_among(data: Any, listing: Listing, **outputs: Path | None) -> None:
    """InputError for a file among the user's images, where nothing is ever written. outputs: by their options."""
    source = origin_of(data)
    folders = {source.resolve()} if isinstance(source, Path) else set()
    if isinstance(source, Path) and source.is_file():
        samples = (sample for own in listing.splits.values() for sample in own)
        folders |= {sample.image.parent.resolve() for sample in samples if isinstance(sample.image, Path)}
    for option, path in outputs.items():
        inside = None if path is None else containing(path, folders)
        if inside:
            raise InputError(
                f"--{option.replace('_', '-')} {path} lies inside of the data, {inside}, into which plusx never "
                "writes. Give another place."
            )
        if path is not None and path.is_dir():
            raise InputError(f"--{option.replace('_', '-')} {path} is a folder; give the name of a file to write.")

"""From the user's data to splits that can be trained on: read, exclude, audit, split, write down."""

import csv
import hashlib
import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal

from plusx.core.errors import DataError, InputError
from plusx.core.finding import Finding
from plusx.core.masks import LazyMask, Mask, Masks
from plusx.core.sample import Kind, Listing
from plusx.core.targets import Boxes, Label, Labels, Target, Value
from plusx.data.audit import Audit, audit
from plusx.data.formats.read import ReadOptions, read
from plusx.data.inspection.mask_checks import UNUSABLE_MASK
from plusx.data.masks import MaskFile, MaskLayers
from plusx.data.split import with_validation
from plusx.workflows.contents import Digests, contents, digests_of
from plusx.workflows.directory import RunDirectory, write_json
from plusx.workflows.environment import shard_cache
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.options import ReadingSettings, changed_from_default
from plusx.workflows.reading import reading_processes
from plusx.workflows.split_table import Row, write_split

KIND_OF_TASK: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "classify": "label",
        "multilabel": "labels",
        "regress": "value",
        "detect": "boxes",
        "segment": "mask",
        "multilabel-segment": "masks",
    }
)


@dataclass(frozen=True)
class Prepared:
    """A data set ready for training: readable samples only, with a validation split."""

    listing: Listing
    read: Listing  # before anything was left out
    audit: Audit
    fingerprint: str  # of names, targets and splits
    digests: Digests  # of the contents


def read_listing(
    data: Any,
    settings: ReadingSettings,
    validation_data: Any = None,
    *,
    classes: tuple[str, ...] | None = None,
    broken: Literal["error", "finding"] = "error",
    excluded: frozenset[str] = frozenset(),
) -> Listing:
    """`data` in any known format, without the samples that the user excluded.

    classes: those it must have. broken: whether what nothing can be learned from is an error or a finding. excluded:
    more names to leave out.
    """
    options = ReadOptions(
        image_column=settings.image_column,
        label_column=settings.label_column,
        separator=settings.separator,
        split_column=settings.split_column,
        missing_files=settings.missing_files,
        kind=KIND_OF_TASK.get(settings.task),
        group_column=settings.group_column,
        group_pattern=settings.group_pattern,
        boundary=settings.boundary,
        validation_data=validation_data,
        classes=classes,
        exclude=excluded if settings.exclude is None else excluded | names_in(settings.exclude),
        broken=broken,
        cache=shard_cache(),
    )
    return read(data, options)


def names_in(exclude: Path) -> frozenset[str]:
    """The names in the file, one a line (first column of a CSV)."""
    try:
        text = exclude.read_text(encoding="utf-8-sig")
        return frozenset({row[0] for row in csv.reader(io.StringIO(text)) if row} | set(text.splitlines()))
    except OSError as error:
        raise InputError(f"--exclude {exclude} could not be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"--exclude {exclude} is no list of names in UTF-8, one a line: {error}") from error


def prepare(
    listing: Listing, settings: FitSettings, cache: Path | None, progress: Callable[[int, int], None]
) -> Prepared:
    """Audits every file, leaves out the unreadable ones and makes a validation split where there is none.

    DataError when nothing trainable is left, or at any finding with `strict`.
    """
    report = audit(listing, cache=cache, workers=reading_processes(settings.workers), progress=progress)
    if settings.strict and any(finding.severity != "note" for finding in report.findings):
        raise DataError("The data audit has findings and --strict was given:\n" + "\n".join(report.summary()))
    read_so = listing
    readable = with_notes(report.clean(listing), settings)
    seed = settings.seed if settings.split_seed is None else settings.split_seed
    listing = with_validation(readable, settings.val_fraction, seed, report.copies)
    if not listing.splits.get("train"):
        raise DataError(f"No readable image is left to train on, of {report.files}:\n" + "\n".join(report.summary()))
    seen = {target_text(sample.target, listing.classes) for sample in listing.splits["train"]}
    if listing.kind in ("label", "labels") and len(seen) < 2:
        raise DataError(
            f"All readable images to train on have the same label ({', '.join(seen)}); at least two classes are needed "
            "to learn the difference:\n" + "\n".join(report.summary())
        )
    _check_boxes(listing)
    _check_masks(report)
    return Prepared(listing, read_so, report, fingerprint(listing), digests_of(listing, report))


def _check_boxes(listing: Listing) -> None:
    """DataError where there is no box to learn from, or none to be judged by."""
    for split in ("train", "val") if listing.kind == "boxes" else ():
        samples = listing.splits[split]
        if not any(isinstance(sample.target, Boxes) and sample.target.classes for sample in samples):
            raise DataError(
                f"None of the {len(samples)} images of the split {split!r} has a box that counts; at least one is "
                "needed. Images without boxes may be among others."
            )


def _check_masks(report: Audit) -> None:
    """DataError where masks cannot be used: which of their pixels are wrong only the user can know."""
    broken = [finding for finding in report.findings if finding.code in UNUSABLE_MASK]
    if broken:
        more = f"\n... and {len(broken) - _SHOWN} more." if len(broken) > _SHOWN else ""
        raise DataError("\n".join(one.message for one in broken[:_SHOWN]) + f"{more}\n{broken[0].advice}")


_SHOWN = 5  # masks


def with_notes(listing: Listing, settings: FitSettings) -> Listing:
    """Says which settings of the validation split have no effect, because the data brings one."""
    if not listing.splits.get("val"):
        return listing
    useless = {"val_fraction", "split_seed", "group_column", "group_pattern"} & changed_from_default(settings).keys()
    notes = [f"{name} has no effect: the data brings a validation split" for name in sorted(useless)]
    return listing.with_splits(listing.splits, *notes)


def fingerprint(listing: Listing) -> str:
    """A digest of which images, with which targets, are in which split."""
    digest = hashlib.sha256()
    for split in sorted(listing.splits):
        for sample in listing.splits[split]:
            digest.update(f"{split}\0{sample.name}\0{target_text(sample.target, listing.classes)}\n".encode())
            digest.update(mask_content(sample.target))
    return digest.hexdigest()


def mask_content(target: Target | None) -> bytes:
    """What tells a mask from another: its file, or its pixels; nothing for other targets."""
    match target:
        case MaskFile(source=Path() as path):
            return path.read_bytes()
        case LazyMask():
            return target.load().values.tobytes()
        case Mask() | Masks():
            return target.values.tobytes()
        case _:
            return b""


def target_text(target: Target | None, classes: tuple[str, ...]) -> str:
    """The target in the user's words."""
    match target:
        case Label(index):
            return classes[index]
        case Labels(indices):
            return ";".join(classes[index] for index in indices)
        case Value(values):
            return ";".join(repr(value) for value in values)
        case Boxes() as boxes:
            rows = zip(boxes.labels.tolist(), boxes.corners.tolist(), boxes.ignored.tolist(), strict=True)
            return ";".join(_box_text(classes[label], corners, ignored) for label, corners, ignored in rows)
        case MaskFile(source=Path() as path):
            return path.name
        case MaskLayers(layers=layers):
            return ";".join(name for name, layer in zip(classes, layers, strict=True) if layer is not None)
        case _:
            return ""


def _box_text(name: str, corners: Iterable[float], ignored: bool) -> str:
    return " ".join([name, *(f"{value:.6g}" for value in corners), *(["ignored"] if ignored else [])])


def write_down(prepared: Prepared, run: RunDirectory, command: Callable[[Finding], str]) -> None:
    """data.json, split.csv and audit.json of the run. command: as for `Audit.to_json`."""
    listing = prepared.listing
    counts = {split: len(samples) for split, samples in listing.splits.items()}
    about = {
        "format": listing.format,
        "kind": listing.kind,
        "root": listing.root,
        "classes": listing.classes,
        "images": counts,
        "notes": listing.notes,
        "fingerprint": prepared.fingerprint,
        "contents": contents(prepared.digests),
    }
    write_json(run.data, about)
    write_json(run.audit, prepared.audit.to_json(command))
    rows = (
        Row(split, sample.name, target_text(sample.target, listing.classes), sample.group or "", digest)
        for split, samples in listing.splits.items()
        for sample, digest in zip(samples, prepared.digests[split], strict=True)
    )
    write_split(run, rows)

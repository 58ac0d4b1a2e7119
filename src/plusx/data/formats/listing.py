"""From entries with labels as found to a Listing with checked targets and class names indexed once over all splits."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from plusx.core.errors import DataError
from plusx.core.finding import Finding
from plusx.core.masks import LazyMask, Mask, Masks
from plusx.core.sample import Kind, Listing, Sample, Samples, kept
from plusx.core.targets import Label, Labels, Target, Value
from plusx.data.formats.boxes import clipped, targets_of, without_broken
from plusx.data.formats.classes import ClassIndex, check_distinct, class_name, natural_order
from plusx.data.formats.file_table import Table
from plusx.data.formats.format import Entries, Entry, counted, shown
from plusx.data.formats.label_findings import of_one_type, unlabelled
from plusx.data.formats.labels import (
    found_separator,
    is_integer,
    is_missing,
    kind_of,
    label_type,
    numbers_of,
    separated,
)
from plusx.data.formats.options import ReadOptions
from plusx.data.formats.splits import ORDER

MANY_INTEGERS = 20
"""More distinct integers than this could be measurements as well as classes; so could FEW_INTEGERS if they are at least
MANY_CLASSES of all labels."""
FEW_INTEGERS = 10
MANY_CLASSES = 0.1


def to_listing(found: Entries, options: ReadOptions, name: str) -> Listing:
    """name: of the format. DataError if the labels are mixed, missing, or too few to learn from."""
    if (compact := _compact(found, options, name)) is not None:
        return compact
    notes = list(found.notes)
    found = replace(found, entries=_without_excluded(found, options, notes))
    labelled = [entry for entry in found.entries if not is_missing(entry.label)]
    _note_unlabelled(found.entries, len(labelled), notes)
    labelled = _grouped(labelled, options.group_pattern, notes)
    kind = options.kind or found.kind
    _check_boxes(kind, found.kind, name)
    strange = list[Finding]()
    if kind is None:
        labelled, strange = (labelled, []) if options.broken == "error" else of_one_type(labelled)
        kind, labelled = _decided(labelled, options, len(labelled) < len(found.entries), notes)
    elif kind == "labels":
        labelled = _taken_apart(labelled, options.separator, notes)
    findings = [*found.findings, *unlabelled(found.entries, kind, options.separator), *strange]
    if options.separator and (kind != "labels" or not any(isinstance(entry.label, str) for entry in found.entries)):
        notes.append(f"separator {options.separator!r} has no effect: the labels are not lists in text")
    if kind == "boxes":
        labelled, broken = (labelled, []) if options.broken == "error" else without_broken(labelled)
        findings += [*broken, *clipped(labelled)]
        classes, target, more = targets_of(found, labelled, options)
        notes += more
    else:
        classes, target = _TARGETS[kind](found, labelled, options)
    if options.classes is None and kind != "boxes":
        _check_enough(labelled, kind, classes)
    splits = {
        split: tuple(Sample(e.image, target(e), e.name, e.group) for e in labelled if e.split == split)
        for split in ORDER
    }
    filled: dict[str, tuple[Sample, ...]] = {split: samples for split, samples in splits.items() if samples}
    told = tuple(one for one in findings if not one.names or not options.exclude.issuperset(one.names))
    return Listing(filled, kind, classes, found.root, name, tuple(notes), told)


def _without_excluded(found: Entries, options: ReadOptions, notes: list[str]) -> Sequence[Entry]:
    """DataError where nothing is left."""
    if not options.exclude:
        return found.entries
    rest = [entry for entry in found.entries if entry.name not in options.exclude]
    said = _excluded(len(found.entries), len(rest))
    named = options.exclude.intersection(name for finding in found.findings for name in finding.names)
    notes += [said] if len(rest) < len(found.entries) or not named else []
    return rest


def _compact(found: Entries, options: ReadOptions, name: str) -> Listing | None:
    """One class an image, as it mostly is, without an object for every image; None where there is more to decide."""
    table = found.entries
    plain = (options.kind or found.kind) == "label" and options.separator is None and options.group_pattern is None
    if not isinstance(table, Table) or not plain:
        return None
    counts = table.counts()
    if len(counts) < 2 or any(map(is_missing, counts)):
        return None
    classes = options.classes or found.classes or _names(counts, options)
    index = ClassIndex(classes, counts)
    places = table.place_of_each()
    held, first = np.unique(places, return_index=True)
    targets = [Label(0)] * len(table.places)
    for place, file in zip(held.tolist(), first.tolist(), strict=True):
        targets[place] = Label(index.of(table.places[place].label, table.name(file)))
    splits: dict[str, Samples] = {}
    for split in ORDER:
        within = np.array([place.split == split for place in table.places])
        if (positions := np.flatnonzero(within[places])).size:
            splits[split] = table.samples(targets, positions)
    listing = Listing(splits, "label", classes, found.root, name, found.notes)
    return _without_files(listing, options.exclude) if options.exclude else listing


def _without_files(listing: Listing, exclude: frozenset[str]) -> Listing:
    splits = {split: kept(samples, lambda one: one.name not in exclude) for split, samples in listing.splits.items()}
    before, after = (sum(map(len, both.values())) for both in (listing.splits, splits))
    return listing.with_splits({split: rest for split, rest in splits.items() if rest}, _excluded(before, after))


def _excluded(before: int, after: int) -> str:
    """What to say of so many entries before and after; DataError where none is left."""
    if not after and before:
        raise DataError(f"exclude names all {counted(before, 'image')}; nothing is left.")
    if after < before:
        return f"exclude leaves out {counted(before - after, 'image')}"
    return "exclude has no effect: it names none of the images, which are called as in split.csv"


def _check_boxes(kind: Kind | None, found: Kind | None, name: str) -> None:
    """DataError where boxes are asked for and there are none, or the other way round."""
    if found == "boxes" != kind:
        raise DataError(f"The labels ({name}) are boxes, not of kind {kind!r} as the task needs. Leave the task out.")
    if kind == "boxes" != found:
        raise DataError(
            f"The labels ({name}) are no boxes, as the task needs. Expected COCO, VOC, YOLO or a table of boxes."
        )


def _note_unlabelled(entries: Sequence[Entry], labelled: int, notes: list[str]) -> None:
    if not labelled:
        raise DataError(f"None of the {len(entries)} images has a label. Fill the label column, or name another one.")
    without = [entry.name for entry in entries if is_missing(entry.label)]
    if without:
        notes.append(f"{counted(len(without), 'image')} without a label left out: {shown(without)}")


def _grouped(entries: list[Entry], pattern: str | None, notes: list[str]) -> list[Entry]:
    if pattern is None:
        return entries
    groups = [_group(entry, re.compile(pattern)) for entry in entries]
    matched = len(groups) - groups.count(None)
    if not matched:
        raise DataError(
            f"group_pattern {pattern!r} matches none of the {len(entries)} file names, e.g. {entries[0].name!r}."
        )
    notes.append(f"group_pattern {pattern!r}: {len(set(groups) - {None})} groups in {matched} of {len(groups)} images")
    return [replace(entry, group=group) for entry, group in zip(entries, groups, strict=True)]


def _group(entry: Entry, pattern: re.Pattern[str]) -> str | None:
    match = pattern.search(entry.name if "/" in pattern.pattern else Path(entry.name).name)
    return match and (match[1] if pattern.groups else match[0])


def _decided(
    entries: list[Entry], options: ReadOptions, any_missing: bool, notes: list[str]
) -> tuple[Kind, list[Entry]]:
    kind = kind_of(entries, any_missing)
    if kind == "label" and isinstance(entries[0].label, str) and options.separator != "":
        separator = options.separator or found_separator(entry.label for entry in entries)
        if separator:
            return "labels", _taken_apart(entries, separator, notes)
    elif kind == "labels":
        return kind, _taken_apart(entries, options.separator, notes)
    if kind == "value":
        notes.append("labels are decimal numbers: regression")
    elif all(is_integer(entry.label) for entry in entries):
        _note_integers(entries, notes)
    return kind, entries


def _note_integers(entries: Sequence[Entry], notes: list[str]) -> None:
    distinct = len({class_name(entry.label) for entry in entries})
    if distinct > MANY_INTEGERS or (distinct >= FEW_INTEGERS and distinct >= MANY_CLASSES * len(entries)):
        notes.append(
            f"labels are {distinct} different whole numbers in {len(entries)} images, taken for classes; "
            '--task regress (in Python task="regress") predicts them as numbers'
        )


def _taken_apart(entries: Sequence[Entry], separator: str | None, notes: list[str]) -> list[Entry]:
    """Entries of which each label is a tuple of class labels."""
    texts = [entry.label for entry in entries if isinstance(entry.label, str)]
    used = found_separator(texts) if separator is None else separator
    if used and texts:
        notes.append(f"labels are taken apart at {used!r}: several classes per image (an empty separator: one class)")
    return [replace(entry, label=separated(entry.label, used)) for entry in entries]


def _check_enough(entries: Sequence[Entry], kind: Kind, classes: tuple[str, ...]) -> None:
    if len(entries) == 1:
        raise DataError(f"Only one labelled image was found ({entries[0].name}); learning needs at least two.")
    if kind == "label":
        counts = Counter(class_name(entry.label) for entry in entries)
        if len(counts) == 1:
            only = f"All {len(entries)} labelled images have the same class {next(iter(counts))!r}"
            raise DataError(f"{only}; at least two classes with images are needed to learn the difference.")
    assert classes


def _label_targets(
    found: Entries, entries: Sequence[Entry], options: ReadOptions
) -> tuple[tuple[str, ...], Callable[[Entry], Target]]:
    listed = next((entry for entry in entries if label_type(entry.label) == "a list"), None)
    if listed is not None:
        raise DataError(f"{listed.name}: label {listed.label!r} is a list; expected one class per image.")
    declared = options.classes or found.classes
    names = declared or _names((class_name(entry.label) for entry in entries), options)
    index = ClassIndex(names, (entry.label for entry in entries))
    return names, lambda entry: Label(index.of(entry.label, entry.name))


def _labels_targets(
    found: Entries, entries: Sequence[Entry], options: ReadOptions
) -> tuple[tuple[str, ...], Callable[[Entry], Target]]:
    declared = options.classes or found.classes
    names = declared or _names((class_name(label) for entry in entries for label in entry.label), options)
    index = ClassIndex(names, (label for entry in entries for label in entry.label))
    return names, lambda entry: Labels(tuple(sorted({index.of(label, entry.name) for label in entry.label})))


def _value_targets(
    found: Entries, entries: Sequence[Entry], options: ReadOptions
) -> tuple[tuple[str, ...], Callable[[Entry], Target]]:
    values = {len(numbers_of(entry)): entry for entry in reversed(entries)}
    if len(values) > 1:
        (few, first), (many, second) = sorted(values.items())[:2]
        raise DataError(f"{first.name} has {few} values and {second.name} has {many}; expected equally many.")
    count = next(iter(values))
    if options.classes is not None and len(options.classes) != count:
        raise DataError(f"{count} values per image, expected {len(options.classes)}: {shown(options.classes)}.")
    columns = options.classes or found.columns
    if len(columns) != count:
        columns = tuple(f"value{number}" for number in range(1, count + 1))
    return columns, lambda entry: Value(numbers_of(entry))


def _mask_targets(
    found: Entries, entries: Sequence[Entry], options: ReadOptions
) -> tuple[tuple[str, ...], Callable[[Entry], Target]]:
    strange = next((entry for entry in entries if not isinstance(entry.label, (LazyMask, Mask, Masks))), None)
    if strange is not None:
        raise DataError(
            f"{strange.name}: label {strange.label!r} is no mask, as the task needs. Expected a folder of images and "
            "one of masks of the same names."
        )
    return found.classes, lambda entry: entry.label


def _names(names: Iterable[str], options: ReadOptions) -> tuple[str, ...]:
    counts = Counter(names)
    if options.broken == "error":
        check_distinct(counts)
    return tuple(natural_order(counts))


_TARGETS = {
    "label": _label_targets,
    "labels": _labels_targets,
    "value": _value_targets,
    "mask": _mask_targets,
    "masks": _mask_targets,
}

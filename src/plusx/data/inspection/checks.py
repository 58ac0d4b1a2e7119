"""The checks of the audit: each a function from the inspected data set to findings, entered in `CHECKS`."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from plusx.core.errors import DataError
from plusx.core.finding import Finding, Severity
from plusx.core.masks import Mask, Masks
from plusx.core.targets import Target
from plusx.data.inspection.box_checks import BOX_CHECKS
from plusx.data.inspection.duplicate_checks import DUPLICATE_CHECKS, stands_for_missing
from plusx.data.inspection.format_checks import FORMAT_CHECKS
from plusx.data.inspection.group_checks import GROUP_CHECKS
from plusx.data.inspection.label_checks import LABEL_CHECKS
from plusx.data.inspection.mask_checks import MASK_CHECKS
from plusx.data.inspection.naming import places
from plusx.data.inspection.subject import Inspected, Subject

Check: TypeAlias = Callable[[Subject], Iterator[Finding]]

SMALLEST_SIDE = 8  # pixels; scanned digits of 8×8 are still told apart
FEWEST_GREY_ROWS = 8  # one row of JPEG blocks
LARGEST_IMBALANCE = 10


def unreadable(subject: Subject) -> Iterator[Finding]:
    """Missing, undecodable and cut-off files."""
    for image in subject.images:
        if image.facts.problem:
            message = f"{image.place}: {image.facts.detail}"
            found = _about(image, image.facts.problem, "error", message, _UNREADABLE_ADVICE[image.facts.problem])
            yield replace(found, excluded=found.names)


_UNREADABLE_ADVICE = {
    "missing": "Correct the path in the table, or restore the file. It is left out.",
    "unreadable": "Replace or remove the file. It is left out.",
    "cut-off": "Copy or download the file again. It is left out.",
    "constant-tail": "Copy or download the file again: only its upper part is the picture. It is left out.",
}


def leaks(subject: Subject) -> Iterator[Finding]:
    """The same image in two splits."""
    for group in subject.same:
        if len({image.split for image in group}) > 1:
            advice = "Keep it in one split only: results on images that were trained on are too good."
            yield _of_group("leak", "error", "The same image in several splits", advice, group)


def contradictions(subject: Subject) -> Iterator[Finding]:
    """The same image with different targets."""
    for group in subject.same:
        if _contradict(group) and not stands_for_missing(group):
            advice = "Decide which label is right and remove the others. The fix list leaves out all of them."
            found = _of_group("contradiction", "error", "The same image with different labels", advice, group)
            message = f"The same image with different labels: {places(group, subject.listing.classes)}"
            yield replace(found, message=message, excluded=found.images)


def _contradict(group: Sequence[Inspected]) -> bool:
    return len({_content(image.sample.target) for image in group}) > 1


def _content(target: Target | None) -> Any:
    """What is equal where targets are: of masks their pixels, which two files may share."""
    try:
        loaded = target.load() if target is not None else None
    except DataError:  # said elsewhere
        return None
    return (loaded.values.shape, loaded.values.tobytes()) if isinstance(loaded, Mask | Masks) else loaded


def duplicates(subject: Subject) -> Iterator[Finding]:
    """The same image more than once in a split, with one label: with several it is a contradiction."""
    for group in subject.same:
        for split in sorted({image.split for image in group}):
            inside = [image for image in group if image.split == split]
            if len(inside) > 1 and not _contradict(group):
                advice = "Remove the copies, unless the image is meant to count more than others."
                yield replace(_of_group("duplicate", "warning", "The same image", advice, inside), split=split)


def missing_classes(subject: Subject) -> Iterator[Finding]:
    """Classes that one split has and another lacks."""
    if not subject.has_classes or len(subject.counts) < 2:
        return
    seen = set().union(*subject.counts.values())
    for split, counts in subject.counts.items():
        trained = split == "train"
        severity: Severity = "error" if trained else "warning"
        lack = "cannot be learned" if trained else "cannot be judged there"
        for index in sorted(seen - counts.keys()):
            name = subject.listing.classes[index]
            advice = f"Add images of it to {split}, or divide the data anew."
            yield Finding(
                "class-missing", severity, f"Class {name!r} has no image in {split}: it {lack}", advice, split=split
            )


def empty_classes(subject: Subject) -> Iterator[Finding]:
    """Classes without any readable image."""
    if subject.has_classes:
        seen = set().union(*subject.counts.values())
        part = {"boxes": "box in a ", "mask": "pixel in a ", "masks": "pixel in a "}.get(subject.listing.kind, "")
        for index, name in enumerate(subject.listing.classes):
            if index not in seen:
                advice = "Add images, or remove the class: the model would have an output that never learns."
                yield Finding("class-empty", "warning", f"Class {name!r} has no {part}readable image", advice)


def one_class(subject: Subject) -> Iterator[Finding]:
    """Nothing to tell apart."""
    seen = set().union(*subject.counts.values())
    if subject.listing.kind == "label" and len(seen) == 1:
        name = subject.listing.classes[next(iter(seen))]
        advice = "At least two classes are needed. Expected one folder, or one label, for each."
        yield Finding("one-class", "error", f"All images have the same label, {name!r}", advice)


def tiny(subject: Subject) -> Iterator[Finding]:
    """Images too small to show anything."""
    for image in subject.readable:
        facts = image.facts
        if min(facts.height, facts.width) < SMALLEST_SIDE:
            message = f"{image.place}: only {facts.width}×{facts.height} pixels"
            yield _about(image, "tiny", "warning", message, "Check that it is a picture and not an icon or a spacer.")


def grey_tails(subject: Subject) -> Iterator[Finding]:
    """Pictures that were cut off once and then saved again: nothing in the file tells, but the grey is still there."""
    for image in subject.readable:
        if FEWEST_GREY_ROWS <= image.facts.grey_rows < image.facts.height:
            message = f"{image.place}: the lower {image.facts.grey_rows} of {image.facts.height} rows are mid-grey"
            advice = "Look at it: pictures saved again after they were cut off look like this. It is not left out."
            yield _about(image, "grey-tail", "warning", message, advice)


def imbalance(subject: Subject) -> Iterator[Finding]:
    """One class with many times the images of another."""
    counts = subject.counts.get("train")
    if counts and len(counts) > 1:
        (often, most), (rarely, fewest) = counts.most_common()[0], counts.most_common()[-1]
        if most >= LARGEST_IMBALANCE * fewest:
            names = subject.listing.classes
            message = f"Class {names[often]!r} has {most} images in train, class {names[rarely]!r} has {fewest}"
            advice = "Balanced weights or sampling may help the rare classes."
            options = ("--balance", "weights") if subject.listing.kind in ("label", "labels") else ()
            yield Finding("imbalance", "note", message, advice, split="train", options=options)


CHECKS: tuple[Check, ...] = (
    unreadable,
    leaks,
    contradictions,
    one_class,
    *LABEL_CHECKS,
    missing_classes,
    empty_classes,
    duplicates,
    tiny,
    grey_tails,
    imbalance,
    *BOX_CHECKS,
    *MASK_CHECKS,
    *GROUP_CHECKS,
    *DUPLICATE_CHECKS,
    *FORMAT_CHECKS,
)


def _about(image: Inspected, code: str, severity: Severity, message: str, advice: str) -> Finding:
    return Finding(code, severity, message, advice, image.sample.name, image.split)


def _of_group(code: str, severity: Severity, message: str, advice: str, group: list[Inspected]) -> Finding:
    """About images of which one is enough: that of train, or the first, stays when a fix list leaves out the others."""
    names = tuple(dict.fromkeys(image.sample.name for image in group))
    kept = min(group, key=lambda image: image.split != "train").sample.name
    others = tuple(name for name in names if name != kept)
    return Finding(code, severity, f"{message}: {places(group)}", advice, images=names, excluded=others)

"""The checks of pictures that look alike, or stand for none. Entered in `checks.CHECKS`.

Equal pictures are `leaks`, `contradictions` and `duplicates` of `checks`. `neighbours` says what the search costs.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import replace

from plusx.core.finding import Finding, Severity
from plusx.core.targets import Label, Labels
from plusx.data.inspection.naming import listed, places
from plusx.data.inspection.subject import Inspected, Linked, Subject

FEWEST_PLACEHOLDERS = 5
"""Equal pictures under several labels from which on they are taken to stand for missing ones."""

LARGEST_SHARE = 0.8
"""Of one label among placeholders: a picture that has another label once or twice is a slip."""

SMALLEST = 8
"""Pixels of a side; what is smaller is an icon or a spacer, which `checks.tiny` tells."""


def placeholders(subject: Subject) -> Iterator[Finding]:
    """One picture many times and under several labels: "no image available"."""
    for group in subject.same:
        if stands_for_missing(group):
            names = tuple(dict.fromkeys(image.sample.name for image in group))
            message = f"The same picture {len(group)} times under several labels: {places(group)}"
            advice = "Remove all of them: a picture that stands for a missing one teaches a model nothing."
            yield Finding("placeholder", "error", message, advice, images=names, excluded=names)


def stands_for_missing(group: Sequence[Inspected]) -> bool:
    """Of equal images. Only labels tell: boxes and masks are drawn on what is there."""
    targets = [image.sample.target for image in group]
    if len(targets) < FEWEST_PLACEHOLDERS or any(not _labelled(image) for image in group):
        return False
    return Counter(targets).most_common(1)[0][1] <= LARGEST_SHARE * len(targets)


def near_leaks(subject: Subject) -> Iterator[Finding]:
    """Pictures of two splits that look alike."""
    advice = (
        "Look at them: copies that were saved again, and photos of one scene, make results too good. "
        "Keep what belongs together in one split."
    )
    yield from _alike(subject, _split, _differ, ("near-leak", "warning", "in several splits"), advice)


def near_contradictions(subject: Subject) -> Iterator[Finding]:
    """Pictures with different labels that look alike. Values, boxes and masks may well differ a little."""
    advice = "Look at them and correct the label that is wrong, or remove both."
    what = ("near-contradiction", "warning", "with different labels")
    if subject.listing.kind in ("label", "labels"):
        yield from _alike(subject, _target, _differ, what, advice)


def near_duplicates(subject: Subject) -> Iterator[Finding]:
    """Pictures of one split that look alike."""
    advice = (
        "Copies count double, though a split that is drawn keeps them on one side. Remove them; give frames of a "
        "video, a series or views of one thing a group."
    )
    for split in subject.listing.splits:
        what = ("near-duplicate", "note", f"in {split}")
        for found in _alike(subject, _split, lambda a, b, split=split: split in a & b, what, advice):
            yield replace(found, split=split)


def nearly_one_colour(subject: Subject) -> Iterator[Finding]:
    """Pictures that show nothing."""
    for split in subject.listing.splits:
        own = [image for image in subject.readable if image.split == split and image.facts.miniature]
        flat = [image for image in own if not image.facts.phash and min(_sides(image)) >= SMALLEST]
        if flat:
            message = f"{len(flat)} of {len(own)} images in {split} are of nearly one colour: {listed(flat)}"
            names = tuple(image.sample.name for image in flat)
            advice = "Look at them: a covered lens, a failed export or a blank page look like this. They are kept."
            yield Finding("one-colour", "warning", message, advice, split=split, images=names)


DUPLICATE_CHECKS = (placeholders, near_leaks, near_contradictions, near_duplicates, nearly_one_colour)


def _alike(
    subject: Subject, key: Callable[[Inspected], Hashable], linked: Linked, what: tuple[str, Severity, str], advice: str
) -> Iterator[Finding]:
    """A finding for each group of pictures that look alike and are `linked`. what: code, severity, where they are."""
    code, severity, where = what
    for group in subject.look_alikes(key, linked):
        names = tuple(dict.fromkeys(image.sample.name for image in group))
        message = f"{len(group)} images {where} look alike: {places(group)}"
        yield Finding(code, severity, message, advice, images=names)


def _differ(one: frozenset[Hashable], other: frozenset[Hashable]) -> bool:
    return len(one | other) > 1


def _sides(image: Inspected) -> tuple[int, int]:
    return image.facts.height, image.facts.width


def _split(image: Inspected) -> str:
    return image.split


def _target(image: Inspected) -> Hashable:
    return image.sample.target


def _labelled(image: Inspected) -> bool:
    return isinstance(image.sample.target, Label | Labels)

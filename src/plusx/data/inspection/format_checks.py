"""The checks of how pictures are stored, and of sizes unlike all others. Entered in `checks.CHECKS`.

Training reads all of these. Each is told in one finding a split, which names its images.
"""

import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from plusx.core.finding import Finding, Severity
from plusx.core.sample import DENSE
from plusx.data.inspection.naming import listed
from plusx.data.inspection.subject import Inspected, Subject

SUFFIXES = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png", ".apng"),
    "WEBP": (".webp",),
    "BMP": (".bmp", ".dib"),
    "DIB": (".bmp", ".dib"),
    "TIFF": (".tif", ".tiff"),
    "GIF": (".gif",),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
}
"""The endings of each format's file names."""

_KNOWN = frozenset(suffix for suffixes in SUFFIXES.values() for suffix in suffixes)

FEWEST = 20  # images that make a rule from which others deviate
LARGEST_SHARE = 0.1  # of images that are still outliers
UNLIKE = 4  # times the typical side, or the typical ratio of the sides, or a part of it

Row = tuple[str, Severity, str, str]
"""Code, severity, what the images are, advice."""


def wrong_suffixes(subject: Subject) -> Iterator[Finding]:
    """Files whose name promises another format than their content has."""

    def wrong(image: Inspected) -> bool:
        suffix = _suffix(image)
        return bool(image.facts.format) and suffix in _KNOWN and suffix not in SUFFIXES[image.facts.format]

    for split, own in _by_split(subject):
        kinds = sorted({(_suffix(image), image.facts.format) for image in own if wrong(image)})
        for suffix, kind in kinds:
            found = [image for image in own if (_suffix(image), image.facts.format) == (suffix, kind)]
            what = f"are named {suffix} and hold {kind}"
            advice = "They are read by their content. Other programs may refuse them: rename them."
            yield _about(split, own, found, ("wrong-suffix", "note", what, advice))


def animations(subject: Subject) -> Iterator[Finding]:
    """Files that hold several pictures one after the other."""
    advice = "Only the first picture is used. Export the frames that count as images of their own."
    what: Row = ("animated", "warning", "are animations", advice)
    yield from _where(subject, lambda image: image.facts.frames > 1 and image.facts.format != "TIFF", what)


def pages(subject: Subject) -> Iterator[Finding]:
    """TIFF files of several pages, which may be slices of a volume."""
    advice = "Only the first page is used. Export the pages that count as images of their own."
    what: Row = ("multi-page", "warning", "have several pages", advice)
    yield from _where(subject, lambda image: image.facts.frames > 1 and image.facts.format == "TIFF", what)


def deep(subject: Subject) -> Iterator[Finding]:
    """More than 8 bits a channel."""
    advice = "They are scaled to 8 bits by their whole range; detail in a narrow range of values is lost."
    what: Row = ("deep", "note", "have more than 8 bits a channel", advice)
    yield from _where(subject, lambda image: image.facts.bits > 8, what)


def four_inks(subject: Subject) -> Iterator[Finding]:
    """CMYK."""
    advice = "They are converted without a colour profile, so that their colours are only nearly right."
    what: Row = ("cmyk", "note", "have the colours of a printer (CMYK)", advice)
    yield from _where(subject, lambda image: image.facts.mode == "CMYK", what)


def turned(subject: Subject) -> Iterator[Finding]:
    """A few images that EXIF turns among many that it does not."""
    dense = subject.listing.kind in DENSE
    look = "Check that boxes and masks were drawn on the upright picture." if dense else "Look whether they are."
    advice = f"They are turned upright, as photo viewers show them. {look}"
    what: Row = ("turned", "warning" if dense else "note", "are turned by their EXIF data, unlike the others", advice)
    yield from _where(subject, lambda image: image.facts.orientation != 1, what, LARGEST_SHARE)


def unusual_sizes(subject: Subject) -> Iterator[Finding]:
    """Images many times as large or as small as is typical."""
    if typical := _typical([_side(image) for image in subject.readable]):
        what = f"are {UNLIKE} times as large or as small as is typical ({typical:.0f} pixels a side), or more"
        advice = "Look at them: thumbnails, scans and originals among resized copies differ like this. They are kept."
        unlike: Row = ("unusual-size", "warning", what, advice)
        yield from _where(subject, lambda image: _far(_side(image), typical), unlike, LARGEST_SHARE)


def unusual_shapes(subject: Subject) -> Iterator[Finding]:
    """Images far longer or far higher than is typical."""
    if typical := _typical([_ratio(image) for image in subject.readable]):
        what = f"are {UNLIKE} times as wide or as high for their size as is typical, or more"
        advice = "Little of them is left in a square. Strips, banners and panoramas look like this; they are kept."
        unlike: Row = ("unusual-shape", "warning", what, advice)
        yield from _where(subject, lambda image: _far(_ratio(image), typical), unlike, LARGEST_SHARE)


FORMAT_CHECKS = (wrong_suffixes, animations, pages, deep, four_inks, turned, unusual_sizes, unusual_shapes)


def _where(subject: Subject, holds: Callable[[Inspected], bool], what: Row, most: float = 1.0) -> Iterator[Finding]:
    """A finding for each split with such images, unless they are more than the share `most` of all images."""
    found = [image for image in subject.readable if holds(image)]
    if most < 1 and (len(subject.readable) < FEWEST or len(found) > most * len(subject.readable)):
        return
    for split, own in _by_split(subject) if found else ():
        such = [image for image in own if holds(image)]
        if such:
            yield _about(split, own, such, what)


def _about(split: str, own: Sequence[Inspected], found: Sequence[Inspected], what: Row) -> Finding:
    code, severity, words, advice = what
    message = f"{len(found)} of {len(own)} images in {split} {words}: {listed(found)}"
    return Finding(code, severity, message, advice, split=split, images=tuple(i.sample.name for i in found))


def _by_split(subject: Subject) -> Iterator[tuple[str, list[Inspected]]]:
    for split in subject.listing.splits:
        yield split, [image for image in subject.readable if image.split == split]


def _suffix(image: Inspected) -> str:
    source = image.sample.image
    return source.suffix.lower() if isinstance(source, Path) else ""


def _side(image: Inspected) -> float:
    """Of a square of the same area."""
    return math.sqrt(image.facts.height * image.facts.width)


def _ratio(image: Inspected) -> float:
    return image.facts.width / image.facts.height


def _typical(values: Sequence[float]) -> float:
    return statistics.median(values) if len(values) >= FEWEST else 0


def _far(value: float, typical: float) -> bool:
    return value >= UNLIKE * typical or value * UNLIKE <= typical

"""Images that belong together by their names: frames of a clip, shots of a burst, photos of a person. A random
validation split would separate them. Entered in `checks.CHECKS`.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from plusx.core.finding import Finding
from plusx.data.inspection.subject import Subject, classes_of

GENERIC = frozenset(
    (
        *(
            "img",
            "image",
            "images",
            "imag",
            "im",
            "dsc",
            "dscn",
            "dscf",
            "dcim",
            "p",
            "pxl",
            "mvimg",
            "mvi",
            "mg",
            "vid",
        ),
        *(
            "imgp",
            "sam",
            "cimg",
            "dji",
            "gopr",
            "gp",
            "hpim",
            "pict",
            "pic",
            "picture",
            "photo",
            "foto",
            "file",
            "scan",
        ),
        *("screenshot", "frame", "sample", "data", "train", "test", "val", "untitled", "new", "capture", "snapshot"),
        *(
            "page",
            "fig",
            "figure",
            "thumb",
            "original",
            "whatsapp image",
            "wechatimg",
            "mmexport",
            "图片",
            "照片",
            "图像",
        ),
    )
)
"""What cameras and programs put before a number: it says nothing about what is shown."""

_DATE = re.compile(r"^\D*(19|20)\d\d([-_.]?[01]\d([-_.]?[0-3]\d(\D{1,4}\d{1,5})?)?)?$")
"""A date, with a time that is not complete: photos of one day are no series."""

_HEX = re.compile(r"[0-9a-f]*[a-f][0-9a-f]*", re.IGNORECASE)
"""Digests and code points."""

_PART = r"frame|frm|burst|slice|tile|patch|crop|view|shot|帧"
_SIDE = r"[a-flr]|od|os|left|right|front|back|side|top|bottom"


def _last(name: str) -> str:
    """Of a path, as PurePosixPath does it; a tenth of its time, and there are millions of names."""
    return name.rpartition("/")[2]


def _stem(name: str) -> str:
    last = _last(name)
    return last.rpartition(".")[0] or last


@dataclass(frozen=True)
class Naming:
    """A way to name series. pattern: as `--group-pattern` takes it; its first group names the series.

    share: of the images that have to be in a series. series: how many there have to be. counted: whether what stands
    behind the series' name has to be a number that goes up in small steps.
    """

    pattern: str
    share: float
    series: int
    counted: bool = False

    def parts(self, name: str) -> tuple[str, str] | None:
        """The series and what stands behind it; None where the name has none, or one that says nothing."""
        text = name if "/" in self.pattern else _last(name)
        match = re.search(self.pattern, text)
        if match is None or _HEX.fullmatch(_stem(name)):
            return None
        plain = match[1].strip("-_. ").casefold()
        says = plain and plain not in GENERIC and not _DATE.fullmatch(plain)
        return (match[1], _stem(text[match.end(1) :])) if says else None


_FOLDERS = Naming(r"([^/]+)/[^/]+$", 0.5, 3)

NAMINGS = (
    Naming(rf"(?i)^(.+?)[-_. ]*(?:{_PART})[-_. ]*\d+", 0.1, 2),  # clip07_frame0031.jpg
    Naming(r"^(.*?\d)(?:[-_ ]+\(?\d{1,3}\)?)?\.[^.]+$", 0.1, 2, counted=True),  # IMG_0412_1.jpg beside IMG_0412.jpg
    Naming(rf"(?i)^(.*\d)[-_ ]?(?:{_SIDE})\.[^.]+$", 0.3, 3),  # p12_left.jpg
    Naming(r"^(.*[^\W\d_])[-_. ]*\(?\d{1,5}\)?\.[^.]+$", 0.5, 3, counted=True),  # alice-003.png
    _FOLDERS,  # walk/000.png, run/000.png
    Naming(r"^(.*?\d)[-_]\d{1,4}[-_]\d{1,4}\.[^.]+$", 0.3, 3),  # p012_2_7.png
    Naming(r"^([A-Za-z]+\d+)[-_ ]", 0.5, 5),  # p012_smiling_7.png
)
"""Tried in this order."""

LARGEST = 0.6
"""The largest share of the images in one series: more could not be split."""
SPREAD = 4
"""Of numbers that count, the range is at most so many times their count."""
_NAMED = 12


def series(subject: Subject) -> Iterator[Finding]:
    """Series by name, where a validation split will be drawn and no groups are known."""
    samples = [image.sample for image in subject.images if image.split == "train"]
    known = any(sample.group is not None for sample in samples) or any(
        finding.code == "groups-column" for finding in subject.listing.findings
    )
    if known or subject.listing.splits.get("val"):
        return
    names = [sample.name for sample in samples]
    classes = [tuple(classes_of(sample.target)) for sample in samples]
    for naming in NAMINGS:
        found = _found(naming, names)
        if _enough(naming, found, names) and _within_classes(naming, names, classes):
            yield _finding(naming, found, len(names))
            return


def _found(naming: Naming, names: Sequence[str]) -> list[list[str]]:
    """The names in each series of two or more images."""
    groups: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for name in names:
        parts = naming.parts(name)
        if parts is not None:
            groups[parts[0]][name] = parts[1]
    several = [group for group in groups.values() if len(group) > 1]
    return [sorted(group) for group in several if not naming.counted or _counts(group.values())]


def _counts(behind: Iterable[str]) -> bool:
    """Whether the numbers behind the name of a series differ and go up in small steps; one image may have none."""
    found = {"".join(re.findall(r"\d+", text)) for text in behind}
    numbers = [int(number) for number in found if number]
    return len(found) > 1 and max(numbers) - min(numbers) < SPREAD * (len(numbers) + 1)


def _enough(naming: Naming, found: Sequence[Sequence[str]], names: Sequence[str]) -> bool:
    together = sum(map(len, found))
    if len(found) < naming.series or together < max(4, naming.share * len(names)):
        return False
    if max(map(len, found)) > LARGEST * len(names):
        return False
    return naming is not _FOLDERS or _repeats(names)


def _repeats(names: Sequence[str]) -> bool:
    """Whether most files are called like one in another folder, as frames and angles are."""
    counts = Counter(map(_last, names))
    return sum(count for count in counts.values() if count > 1) >= len(names) / 2


def _within_classes(naming: Naming, names: Sequence[str], classes: Sequence[tuple[int, ...]]) -> bool:
    """Whether a class has several series, two on average: `cat_1.jpg` names the class."""
    held: defaultdict[int, set[str | None]] = defaultdict(set)
    for name, own in zip(names, classes, strict=True):
        for index in own:
            held[index].add((naming.parts(name) or (None,))[0])
    return not held or sum(map(len, held.values())) >= 2 * len(held)


def _finding(naming: Naming, found: Sequence[Sequence[str]], total: int) -> Finding:
    first = max(found, key=len)
    return Finding(
        "groups-names",
        "warning",
        f"{sum(map(len, found))} of {total} images are in {len(found)} series by their names, such as {first[0]} and "
        f"{first[1]}: a random validation split separates them",
        "Keep each series on one side of the split, or results will be too good. Right only if the names mean that.",
        images=tuple(first[:_NAMED]),
        options=("--group-pattern", naming.pattern),
    )


GROUP_CHECKS = (series,)

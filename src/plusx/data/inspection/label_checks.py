"""The checks of class names. Entered in `checks.CHECKS`."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from statistics import mean

from plusx.core.finding import Finding
from plusx.data.formats.labels import is_integer
from plusx.data.inspection.subject import Subject, classes_of

UNSURE = frozenset(
    (
        *("not sure", "notsure", "unsure", "not certain", "uncertain", "unknown", "unk", "unclear", "undecided"),
        *("undefined", "unlabeled", "unlabelled", "not labeled", "not labelled", "unidentified", "ambiguous", "maybe"),
        *(
            "dont know",
            "don't know",
            "do not know",
            "no idea",
            "dunno",
            "todo",
            "to do",
            "tbd",
            "tba",
            "skip",
            "skipped",
        ),
        *("?", "??", "???", "missing", "no label", "nolabel", "xxx"),
        *("不确定", "未知", "不知道", "不清楚", "待定", "待标注", "未标注", "无法判断", "跳过"),
    )
)
"""Labels, folded as `_folded` does, that say that nobody knew."""

RARE = 0.1
"""The largest share of images whose labels are a slip rather than classes."""


def case_twins(subject: Subject) -> Iterator[Finding]:
    """Class names that a person would read as one."""
    alike: dict[str, list[str]] = {}
    for name in subject.listing.classes if subject.has_classes else ():
        alike.setdefault(_folded(name), []).append(name)
    counts = Counter(index for image in subject.images for index in classes_of(image.sample.target))
    order = {name: counts[index] for index, name in enumerate(subject.listing.classes)}
    for names in alike.values():
        if len(names) > 1:
            rare = sorted(names, key=lambda name: -order[name])[1:]
            listed = ", ".join(f"{name!r} ({order[name]})" for name in names)
            message = f"Classes that differ only in case or spaces: {listed}"
            advice = "Give them one name if they mean the same, or names that differ in more than case and spaces."
            yield Finding("case-twins", "error", message, advice, images=_images_of(subject, rare))


def unsure(subject: Subject) -> Iterator[Finding]:
    """A class that says that whoever labelled the image did not know."""
    if subject.listing.kind not in ("label", "labels"):
        return
    long = [name for name in subject.listing.classes if len(name) > 1]
    for name in subject.listing.classes:
        characters = len(name) == 1 and len(long) < len(subject.listing.classes) / 2  # classes are characters
        if _folded(name).replace("_", " ").replace("-", " ") in UNSURE and not characters:
            images = _images_of(subject, [name])
            message = f"Label {name!r} of {_counted(images)} says that nobody knew: {_some(images)}"
            advice = "Leave them out, or label them: a network would learn to tell what nobody could."
            yield Finding("label-unsure", "warning", message, advice, images=images, excluded=images)


def numbers_among_names(subject: Subject) -> Iterator[Finding]:
    """A few images whose label is a number, where all others have names; or the other way round."""
    if subject.listing.kind not in ("label", "labels"):
        return
    counts = Counter(index for image in subject.images for index in classes_of(image.sample.target))
    numbers = {index for index, name in enumerate(subject.listing.classes) if is_integer(name)}
    names = set(counts) - numbers
    numbers &= set(counts)
    if not numbers or not names:
        return
    few, many = sorted((numbers, names), key=lambda group: sum(counts[index] for index in group))
    share = sum(counts[index] for index in few) / counts.total()
    if share <= RARE and mean(counts[i] for i in few) < mean(counts[i] for i in many) / 2:
        kind, others = ("numbers", "names") if few == numbers else ("names", "numbers")
        called = [subject.listing.classes[index] for index in sorted(few)]
        images = _images_of(subject, called)
        message = (
            f"{_counted(images)} with {kind} as labels, all others have {others}: {_some(images)} ({_some(called)})"
        )
        advice = "Correct the labels if they are slips; each of them is a class now."
        yield Finding("label-mixed", "warning", message, advice, images=images, excluded=images)


LABEL_CHECKS = (case_twins, unsure, numbers_among_names)

_SHOWN = 3


def _folded(name: str) -> str:
    """Without regard to case, spaces, width and what cannot be seen."""
    visible = "".join(letter for letter in name if unicodedata.category(letter) != "Cf")
    return " ".join(re.sub(r"\s+", " ", unicodedata.normalize("NFKC", visible)).casefold().split())


def _images_of(subject: Subject, classes: list[str]) -> tuple[str, ...]:
    """Names of the images of any of these classes, each once."""
    wanted = {index for index, name in enumerate(subject.listing.classes) if name in classes}
    found = (image.sample.name for image in subject.images if not wanted.isdisjoint(classes_of(image.sample.target)))
    return tuple(dict.fromkeys(found))


def _counted(images: tuple[str, ...]) -> str:
    return "1 image" if len(images) == 1 else f"{len(images)} images"


def _some(names: tuple[str, ...] | list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more

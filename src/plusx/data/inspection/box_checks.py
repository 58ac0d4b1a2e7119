"""The checks of boxes: what can be read and still is seldom meant. Entered in `checks.CHECKS`."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from plusx.core.finding import Finding, Severity
from plusx.core.targets import Boxes, box_areas
from plusx.data.inspection.subject import Inspected, Subject

SMALLEST_BOX = 2  # pixels of a side; one pixel is what a click without a drag leaves
WHOLE = 0.99  # share of the image's area
_NAMED = 3
OUTSIDE = 0.01  # pixels beyond the edge that rounding explains


def tiny_boxes(subject: Subject) -> Iterator[Finding]:
    """Boxes with a side of less than two pixels."""
    for image, boxes in _with_boxes(subject):
        sides = boxes.corners[:, 2:] - boxes.corners[:, :2]
        small = (sides < SMALLEST_BOX).any(axis=1)
        advice = "Look at them: clicks without a drag look like this. They are kept."
        yield from _about(image, boxes, small, ("box-tiny", "warning", f"narrower than {SMALLEST_BOX} pixels", advice))


def repeated_boxes(subject: Subject) -> Iterator[Finding]:
    """The same box of the same class more than once in an image."""
    for image, boxes in _with_boxes(subject):
        rows = np.column_stack([boxes.labels.astype(np.float64), boxes.corners])
        _, first = np.unique(rows, axis=0, return_index=True)
        again = np.ones(len(boxes), np.bool)
        again[first] = False
        advice = "Remove the copies: a model is punished for finding the object once. They are kept."
        yield from _about(image, boxes, again, ("box-duplicate", "warning", "that another repeats exactly", advice))


def whole_boxes(subject: Subject) -> Iterator[Finding]:
    """Boxes that cover all of their image."""
    for image, boxes in _with_boxes(subject):
        whole = box_areas(boxes.corners) > WHOLE * image.facts.width * image.facts.height
        advice = "Right for a close-up; labels of whole images turned into boxes look like this too."
        yield from _about(
            image, boxes, whole, ("box-whole", "note", f"over more than {WHOLE:.0%} of the image", advice)
        )


def outside_boxes(subject: Subject) -> Iterator[Finding]:
    """Boxes that reach over the edge of the image as it was decoded."""
    for image, boxes in _with_boxes(subject):
        limits = np.array([image.facts.width, image.facts.height] * 2)
        over = ((boxes.corners < -OUTSIDE) | (boxes.corners > limits + OUTSIDE)).any(axis=1)
        size = f"{image.facts.width}×{image.facts.height}"
        advice = "Correct them, or restore the image that they were drawn on."
        yield from _about(image, boxes, over, ("box-outside", "error", f"over the edge of the image, {size}", advice))


def without_boxes(subject: Subject) -> Iterator[Finding]:
    """How many images of a split show nothing to be found."""
    for split, samples in subject.listing.splits.items() if subject.listing.kind == "boxes" else ():
        pairs = [(sample.name, sample.target) for sample in samples if isinstance(sample.target, Boxes)]
        empty = [name for name, boxes in pairs if not len(boxes)]
        if empty:
            named = f"{', '.join(empty[:_NAMED])}{f' and {len(empty) - _NAMED} more' if len(empty) > _NAMED else ''}"
            message = f"{len(empty)} of {len(pairs)} images in {split} have no boxes, all background: {named}"
            advice = "Right for images without objects; remove those that nobody has annotated."
            yield Finding("no-boxes", "note", message, advice, split=split)


BOX_CHECKS = (outside_boxes, tiny_boxes, repeated_boxes, whole_boxes, without_boxes)


def _with_boxes(subject: Subject) -> Iterator[tuple[Inspected, Boxes]]:
    """Readable images that have some."""
    for image in subject.readable:
        target = image.sample.target
        if isinstance(target, Boxes) and len(target):
            yield image, target


def _about(image: Inspected, boxes: Boxes, found: Any, what: tuple[str, Severity, str, str]) -> Iterator[Finding]:
    """One finding for the image, with the first box `found` (N,). what: code, severity, which boxes, advice."""
    count = int(found.sum())
    if count:
        code, severity, which, advice = what
        corners = ", ".join(f"{value:g}" for value in boxes.corners[int(found.argmax())])
        boxes_told = "1 box" if count == 1 else f"{count} boxes"
        message = f"{image.place}: {boxes_told} {which}, x1, y1, x2, y2 = {corners}"
        left_out = (image.sample.name,) if severity == "error" else ()
        yield Finding(code, severity, message, advice, image.sample.name, image.split, excluded=left_out)

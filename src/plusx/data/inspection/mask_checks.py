"""The checks of masks. Entered in `checks.CHECKS`."""

from collections.abc import Iterator

from plusx.core.finding import Finding
from plusx.data.inspection.subject import Subject

UNUSABLE_MASK = ("mask-unusable", "mask-size")
"""The findings with which nothing can be trained."""


def unusable_masks(subject: Subject) -> Iterator[Finding]:
    """Masks that cannot be read, or hold what is no class."""
    for image, facts in subject.masks:
        if facts.problem:
            advice = "Correct the mask, or leave the image out: --exclude FILE, with the image's name on a line."
            message = f"{image.place}: {facts.problem}"
            name = image.sample.name
            yield Finding("mask-unusable", "error", message, advice, name, image.split, excluded=(name,))


def mask_sizes(subject: Subject) -> Iterator[Finding]:
    """Masks of another size than their image."""
    for image, facts in subject.masks:
        size = image.facts.height, image.facts.width
        if not facts.problem and (facts.height, facts.width) != size:
            message = f"{image.place}: the mask has {facts.width}×{facts.height} pixels, the image {size[1]}×{size[0]}"
            advice = "Export the masks in the size of their images, or restore the images that they were drawn on."
            name = image.sample.name
            yield Finding("mask-size", "error", message, advice, name, image.split, excluded=(name,))


def void_masks(subject: Subject) -> Iterator[Finding]:
    """Masks in which nothing counts."""
    for image, facts in subject.masks:
        if facts.void:
            message = f"{image.place}: all of the mask is void"
            advice = "Nothing can be learned from it. Look at the mask; it is kept."
            name = image.sample.name
            yield Finding("mask-void", "warning", message, advice, name, image.split, excluded=(name,))


def empty_masks(subject: Subject) -> Iterator[Finding]:
    """How many images of a split show nothing but background, or none of the classes that may overlap."""
    classes = subject.listing.classes
    nothing = () if subject.listing.kind == "masks" else (0,)
    for split in subject.listing.splits if nothing == () or classes[:1] == ("background",) else ():
        own = [facts for image, facts in subject.masks if image.split == split and not facts.problem and not facts.void]
        empty = sum(facts.classes == nothing for facts in own)
        if empty:
            message = f"{empty} of {len(own)} masks in {split} are empty: all of them is background"
            advice = "Right for images without objects; remove those that nobody has annotated."
            yield Finding("mask-empty", "note", message, advice, split=split)


MASK_CHECKS = (unusable_masks, mask_sizes, void_masks, empty_masks)

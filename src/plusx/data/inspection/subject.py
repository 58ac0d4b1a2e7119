"""What the checks look at: every image of the data set with its facts. Needs no torch."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from plusx.core.masks import LazyMask, Mask, Masks
from plusx.core.sample import Listing, Sample
from plusx.core.targets import Boxes, Label, Labels, Target
from plusx.data.inspection.facts import Facts
from plusx.data.inspection.likeness import Likeness, likeness
from plusx.data.inspection.mask_facts import MaskFacts, mask_facts

Linked: TypeAlias = Callable[[frozenset[Hashable], frozenset[Hashable]], bool]


@dataclass(frozen=True, slots=True)
class Inspected:
    """One image: where it stands and what was found."""

    split: str
    sample: Sample
    facts: Facts

    @property
    def place(self) -> str:
        """How messages call it."""
        return f"{self.sample.name} ({self.split})"


@dataclass(frozen=True)
class Subject:
    """A data set that has been read."""

    listing: Listing
    images: tuple[Inspected, ...]

    @cached_property
    def readable(self) -> tuple[Inspected, ...]:
        """The images that training will see."""
        return tuple(image for image in self.images if not image.facts.problem)

    @cached_property
    def same(self) -> list[list[Inspected]]:
        """Groups of two or more readable images with the same pixels, however they are stored."""
        groups: dict[str | bytes, list[Inspected]] = {}
        for image in self.readable:
            groups.setdefault(image.facts.pixels or image.facts.digest, []).append(image)
        return [group for group in groups.values() if len(group) > 1]

    @cached_property
    def _likeness(self) -> Likeness:
        return likeness([image.facts for image in self.readable])

    def look_alikes(self, key: Callable[[Inspected], Hashable], linked: Linked) -> list[list[Inspected]]:
        """Groups of readable images that look alike though their pixels differ.

        Two pictures are `linked` or not by the keys of the images that show the one and the other.
        """
        images, found = self.readable, self._likeness
        keys = [frozenset(key(images[place]) for place in places) for places in found.pictures]
        groups = found.groups(lambda one, other: linked(keys[one], keys[other]))
        return [[images[place] for place in group] for group in groups]

    @cached_property
    def counts(self) -> dict[str, Counter[int]]:
        """For every split how many readable images each class index has."""
        counts = {split: Counter[int]() for split in self.listing.splits}
        for image in self.readable:
            counts[image.split].update(classes_of(image.sample.target))
        for image, facts in self.masks:
            counts[image.split].update(facts.classes)
        return counts

    @cached_property
    def masks(self) -> list[tuple[Inspected, MaskFacts]]:
        """The readable images that have a mask, with what it holds."""
        pairs = [(i, i.sample.target) for i in self.readable if isinstance(i.sample.target, Mask | Masks | LazyMask)]
        facts = mask_facts([target for _, target in pairs])
        return [(image, found) for (image, _), found in zip(pairs, facts, strict=True)]

    @property
    def has_classes(self) -> bool:
        return self.listing.kind != "value"


def classes_of(target: Target | None) -> Iterable[int]:
    """Class indices of a target; none for values, masks, which have to be read, and where there is no target."""
    match target:
        case Label(index):
            return (index,)
        case Labels(indices):
            return indices
        case Boxes() as boxes:
            return boxes.classes
    return ()

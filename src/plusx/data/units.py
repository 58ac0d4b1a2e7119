"""Units: samples that no division of a data set separates, be it into splits or into folds."""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import TypeAlias

from plusx.core.sample import Sample
from plusx.data.linking import linked

Copies: TypeAlias = Sequence[Collection[str]]
"""Names of images that show the same, a collection for each picture."""

MOST_COPIES = 0.5
"""Of a part of the data set: larger collections of look-alikes are not kept together, for they would be all of it."""


def manageable(copies: Copies, part: float) -> list[Collection[str]]:
    """Those that leave room for others in a part of so many images."""
    return [names for names in copies if len(names) <= max(2, MOST_COPIES * part)]


def units_of(samples: Sequence[Sample], copies: Copies = ()) -> Mapping[str, list[int]]:
    """Positions of the samples of each unit, by a key that depends on names and groups alone.

    Samples of one group, of one name and copies are one unit, and whatever overlaps with it.
    """
    members: defaultdict[str, list[int]] = defaultdict(list)
    for index, sample in enumerate(samples):
        members[f"image {sample.name}" if sample.group is None else f"group {sample.group}"].append(index)
    if not copies and all(sample.group is None for sample in samples):
        return members
    least = {key: unit[0] for unit in linked(_links(samples, members, copies)) for key in unit}
    units: defaultdict[str, list[int]] = defaultdict(list)
    for key, indices in members.items():
        units[least.get(key, key)] += indices
    return units


def _links(samples: Sequence[Sample], members: Mapping[str, list[int]], copies: Copies) -> list[tuple[str, str]]:
    links: list[tuple[str, str]] = []
    first: dict[str, str] = {}
    for key, indices in members.items():
        before = [first.setdefault(samples[index].name, key) for index in indices]
        links += [(key, other) for other in before if other != key]
    for names in copies:
        keys = [first[name] for name in names if name in first]
        links += [(key, keys[0]) for key in keys[1:]]
    return links


def random_order(key: str, seed: int) -> bytes:
    """8 bytes to sort by: an order that does not know how samples were listed."""
    return hashlib.blake2b(f"{seed}\0{key}".encode("utf-8", "surrogateescape"), digest_size=8).digest()

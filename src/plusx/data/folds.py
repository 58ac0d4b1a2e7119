"""A data set in k parts of equal size, each class spread evenly, groups and copies of one name kept together."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence

from plusx.core.errors import DataError
from plusx.core.sample import Sample
from plusx.core.targets import Label


def folds(samples: Sequence[Sample], count: int, seed: int = 0) -> list[list[int]]:
    """Positions of the samples of each part, in their order. Which part an image is in depends on names and seed alone.

    DataError where there are fewer groups than parts.
    """
    units: defaultdict[str, list[int]] = defaultdict(list)
    for position, sample in enumerate(samples):
        units[f"group {sample.group}" if sample.group is not None else f"image {sample.name}"].append(position)
    if len(units) < count:
        raise DataError(f"{len(units)} images or groups cannot be dealt into {count} parts. Take fewer with --folds.")
    parts: list[list[int]] = [[] for _ in range(count)]
    classes: list[Counter[int]] = [Counter() for _ in range(count)]
    for key in sorted(units, key=lambda key: (_hash(key, seed), key)):
        held = Counter(_label(samples[position]) for position in units[key])
        best = min(range(count), key=lambda part: (sum(classes[part][label] for label in held), len(parts[part]), part))
        parts[best] += units[key]
        classes[best].update(held)
    return [sorted(part) for part in parts]


def _label(sample: Sample) -> int:
    return sample.target.index if isinstance(sample.target, Label) else -1


def _hash(key: str, seed: int) -> bytes:
    return hashlib.blake2b(f"{seed}\0{key}".encode("utf-8", "surrogateescape"), digest_size=8).digest()

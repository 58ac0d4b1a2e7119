"""A data set in k parts of equal size, each class spread evenly; units are not separated."""

from collections import Counter
from collections.abc import Sequence

from plusx.core.errors import DataError
from plusx.core.sample import Sample
from plusx.core.targets import Label
from plusx.data.units import Copies, manageable, random_order, units_of


def folds(samples: Sequence[Sample], count: int, seed: int = 0, copies: Copies = ()) -> list[list[int]]:
    """Positions of the samples of each part, in their order. Which part an image is in depends on names and seed alone.

    Groups stay together, and `copies` where there are not too many of one picture. DataError where there are fewer of
    them than parts.
    """
    units = units_of(samples, manageable(copies, len(samples) / count))
    if len(units) < count:
        raise DataError(f"{len(units)} images or groups cannot be dealt into {count} parts. Take fewer with --folds.")
    parts: list[list[int]] = [[] for _ in range(count)]
    classes: list[Counter[int]] = [Counter() for _ in range(count)]
    for key in sorted(units, key=lambda key: (random_order(key, seed), key)):
        held = Counter(_label(samples[position]) for position in units[key])
        best = min(range(count), key=lambda part: (sum(classes[part][label] for label in held), len(parts[part]), part))
        parts[best] += units[key]
        classes[best].update(held)
    return [sorted(part) for part in parts]


def _label(sample: Sample) -> int:
    return sample.target.index if isinstance(sample.target, Label) else -1

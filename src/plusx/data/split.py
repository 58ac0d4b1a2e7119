"""A validation split for data sets that bring none: stratified, seeded, groups and copies kept together.

Masks, which are not read here, are drawn at random.

Which images are chosen depends on their names and the seed, never on the order they are listed in; a few files more
move a few others only.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from plusx.core.errors import DataError, InputError
from plusx.core.sample import Listing, Sample, picked
from plusx.core.targets import Boxes, Label, Labels, Value
from plusx.data.units import Copies, manageable, random_order, units_of

Stratum: TypeAlias = tuple[str, int, int]
"""What is kept in proportion: ("class", index, 0), ("no class", 0, 0), ("value", column, bin) or `ALL`."""

ALL: Stratum = ("all", 0, 0)
ALL_WEIGHT = 0.5
"""Below one, so that a class that misses its share is never held back by the total alone."""

BINS = 10
"""At most so many equally filled intervals per column of values, each with at least `BIN_SIZE` images."""
BIN_SIZE = 5


@dataclass(frozen=True, slots=True)
class Unit:
    """Samples that stay together: groups, names and copies that overlap. `strata` counts what it holds."""

    key: str
    members: tuple[int, ...]
    strata: Counter[Stratum]


def with_validation(listing: Listing, fraction: float = 0.2, seed: int = 0, copies: Copies = ()) -> Listing:
    """Moves about `fraction` of "train" to "val", every class (or interval of values) in proportion.

    copies: images that are on one side as if they were a group, unless there are too many of one picture, or no split
    can be made so; a note says it.
    Unchanged if there is a "val" split or no "train". A class of at least two units keeps one in "train" and, unless
    groups forbid it, gets one in "val"; a class of one stays in "train". InputError for a fraction outside of (0, 1),
    DataError if no image can be spared: fewer than two, all of one group, or every class in one group.
    """
    if not 0 < fraction < 1:
        raise InputError(f"Validation fraction {fraction} must lie between 0 and 1, e.g. 0.2.")
    train = listing.splits.get("train", ())
    if listing.splits.get("val") or not train:
        return listing
    together = manageable(copies, fraction * len(train))
    try:
        chosen = _chosen(train, fraction, seed, together)
    except DataError:
        if not together:
            raise
        chosen, together = _chosen(train, fraction, seed), []
    marks = np.zeros(len(train), np.bool)
    marks[chosen] = True
    val, rest = picked(train, np.flatnonzero(marks)), picked(train, np.flatnonzero(~marks))
    others = {name: samples for name, samples in listing.splits.items() if name not in ("train", "val")}
    splits = {"train": rest, "val": val, **others}
    notes = [*_notes(listing, train, val, (seed, len(together))), *_separated(len(copies) - len(together))]
    return listing.with_splits(splits, *notes)


def _chosen(train: Sequence[Sample], fraction: float, seed: int, copies: Copies = ()) -> NDArray[np.int64]:
    """The positions of the samples to validate on."""
    quickly = None if copies else _of_single_labels(train, fraction, seed)
    if quickly is not None:
        return quickly
    units = _units(train, seed, copies)
    ask = "Add images, or give a validation split of your own."
    if len(units) < 2:
        raise DataError(f"No validation split can be made of {_things(train)}; expected at least two. {ask}")
    chosen = choose(units, fraction)
    if not chosen:
        raise DataError(
            f"No validation split can be made of {len(train)} images: every class has only one image or group, which "
            f"is needed to learn it. {ask}"
        )
    return np.array([index for unit in chosen for index in unit.members], np.int64)


def _of_single_labels(train: Sequence[Sample], fraction: float, seed: int) -> NDArray[np.int64] | None:
    """What `choose` chooses where every sample is a unit of its own and has one class, in 16 bytes a sample.

    None where that is not so, or nothing can be chosen. Of each class it takes as many as are its share, the first by
    hash: a sample more brings its class nearer to its share by more than the total can lose by it.
    """
    hashes, labels = np.empty(len(train), np.uint64), np.empty(len(train), np.int64)
    for index, sample in enumerate(train):
        if sample.group is not None or not isinstance(sample.target, Label):
            return None
        hashes[index] = int.from_bytes(random_order(f"image {sample.name}", seed), "big")
        labels[index] = sample.target.index
    order = np.lexsort((hashes, labels))
    counts = np.bincount(labels)
    shares = np.array([_share(count, count, fraction) for count in counts.tolist()], np.int64)
    sorted_labels, sorted_hashes = labels[order], np.sort(hashes)
    if not shares.any() or (sorted_hashes[1:] == sorted_hashes[:-1]).any():  # nothing to choose, or a name twice
        return None
    rank = np.arange(len(train)) - (np.cumsum(counts) - counts)[sorted_labels]
    return order[rank < shares[sorted_labels]]


def choose(units: Sequence[Unit], fraction: float) -> list[Unit]:
    """The units of the validation split, given in the order in which they are considered.

    A unit is taken when it brings the strata, each weighed by its own size, nearer to their shares than it takes
    them away from it; so single samples of one class are taken exactly until the class has its share.
    """
    totals, counts = Counter[Stratum](), Counter[Stratum]()
    for unit in units:
        totals.update(unit.strata)
        counts.update(unit.strata.keys())
    wanted = {stratum: _share(totals[stratum], counts[stratum], fraction) for stratum in totals}
    taken, left = Counter[Stratum](), Counter(counts)
    chosen: list[Unit] = []
    for unit in units:
        if _gain(unit, taken, wanted) > 0 and _leaves_some(unit, left):
            _take(unit, chosen, taken, left)
    _fill(units, chosen, taken, left, counts)
    return chosen


def _share(total: int, units: int, fraction: float) -> float:
    """Samples of a stratum to validate on: rounded, at least one and not all, none of a single unit."""
    return 0.0 if units < 2 else min(max(round(total * fraction), 1), total - 1)


def _gain(unit: Unit, taken: Mapping[Stratum, int], wanted: Mapping[Stratum, float]) -> float:
    gain = 0.0
    for stratum, count in unit.strata.items():
        before, want = taken.get(stratum, 0), wanted[stratum]
        weight = ALL_WEIGHT if stratum == ALL else 1.0
        gain += weight * (abs(want - before) - abs(want - before - count)) / max(want, 1.0)
    return gain


def _leaves_some(unit: Unit, left: Mapping[Stratum, int]) -> bool:
    return all(left[stratum] > 1 for stratum in unit.strata)


def _take(unit: Unit, chosen: list[Unit], taken: Counter[Stratum], left: Counter[Stratum]) -> None:
    chosen.append(unit)
    taken.update(unit.strata)
    left.subtract(unit.strata.keys())


def _fill(
    units: Sequence[Unit],
    chosen: list[Unit],
    taken: Counter[Stratum],
    left: Counter[Stratum],
    counts: Mapping[Stratum, int],
) -> None:
    """Gives every stratum of two or more units one, where no stratum would lose its last."""
    keys = {unit.key for unit in chosen}
    for stratum in sorted(counts):
        if taken[stratum] or counts[stratum] < 2:
            continue
        free = [unit for unit in units if stratum in unit.strata and unit.key not in keys and _leaves_some(unit, left)]
        if free:
            smallest = min(free, key=lambda unit: len(unit.members))
            _take(smallest, chosen, taken, left)
            keys.add(smallest.key)


def _units(samples: Sequence[Sample], seed: int, copies: Copies = ()) -> list[Unit]:
    """Ordered by a hash of (seed, key): a random order that does not know how the samples were listed."""
    strata = _strata(samples)
    units = [
        Unit(key, tuple(indices), Counter(stratum for index in indices for stratum in strata[index]))
        for key, indices in units_of(samples, copies).items()
    ]
    return sorted(units, key=lambda unit: (random_order(unit.key, seed), unit.key))


def _strata(samples: Sequence[Sample]) -> list[tuple[Stratum, ...]]:
    edges = _bin_edges([sample.target.values for sample in samples if isinstance(sample.target, Value)])
    return [(ALL, *_strata_of(sample, edges)) for sample in samples]


def _strata_of(sample: Sample, edges: Sequence[Sequence[float]]) -> Iterable[Stratum]:
    match sample.target:
        case Label(index):
            return [("class", index, 0)]
        case Labels(indices):
            return [("class", index, 0) for index in indices] or [("no class", 0, 0)]
        case Boxes() as boxes:
            return [("class", index, 0) for index in boxes.classes] or [("no class", 0, 0)]
        case Value(values):
            bins = (int(np.searchsorted(edges[column], value)) for column, value in enumerate(values))
            return [("value", column, number) for column, number in enumerate(bins)]
    return []


def _bin_edges(values: Sequence[tuple[float, ...]]) -> list[list[float]]:
    """Per column the quantiles between equally filled intervals."""
    if not values:
        return []
    bins = max(1, min(BINS, len(values) // BIN_SIZE))
    edges = np.quantile(np.asarray(values), np.arange(1, bins) / bins, axis=0).T
    return edges.reshape(np.asarray(values).shape[1], bins - 1).tolist()


def _things(samples: Sequence[Sample]) -> str:
    groups = {sample.group for sample in samples} - {None}
    if groups:
        return f"{len(samples)} images that all belong together (group {min(map(str, groups))!r})"
    return f"{len(samples)} image" + ("s of one name" if len(samples) > 1 else "")


def _notes(listing: Listing, train: Sequence[Sample], val: Sequence[Sample], how_drawn: tuple[int, int]) -> list[str]:
    """how_drawn: the seed, and how many pictures have copies that were kept together."""
    seed, copies = how_drawn
    stratified = {"value": "stratified by intervals of the values", "mask": "drawn at random"}
    stratified |= {"masks": "drawn at random"}
    how = stratified.get(listing.kind, "stratified by class")
    groups = len({sample.group for sample in train if sample.group is not None})
    kept = f"; {groups} groups kept together" if groups else ""
    kept += f"; copies and look-alikes of {copies} pictures kept together" if copies else ""
    share = len(val) / len(train)
    notes = [f"validation split: {len(val)} of {len(train)} images ({share:.0%}), {how}, seed {seed}{kept}"]
    without = sorted(_classes_in(train) - _classes_in(val))
    if without:
        names = ", ".join(listing.classes[index] for index in without[:5])
        more = f" and {len(without) - 5} more" if len(without) > 5 else ""
        notes.append(f"too few images or groups to validate these classes, all stay in train: {names}{more}")
    return notes


def _separated(pictures: int) -> list[str]:
    if not pictures:
        return []
    return [
        f"copies and look-alikes of {pictures} pictures may stand on both sides of the split: kept together they would "
        "be most of it. Remove them, or give a validation split of your own"
    ]


def _classes_in(samples: Sequence[Sample]) -> set[int]:
    having = (sample for sample in samples if not isinstance(sample.target, Value))
    return {index for sample in having for kind, index, _ in _strata_of(sample, ()) if kind == "class"}

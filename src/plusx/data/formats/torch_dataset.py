"""Anything that is indexed like a torch dataset: dataset[i] gives (image, label). Needs no torch itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from plusx.core.errors import DataError
from plusx.data.formats.arrays import is_array, labels_of
from plusx.data.formats.format import FORMATS, Entries, Entry, Format, shown
from plusx.data.formats.options import ReadOptions
from plusx.data.formats.placed_labels import has_place, placed

LAYOUT = (
    "a torch dataset: dataset[i] gives (image, label, mask, or dict of boxes and labels), len(dataset) their number"
)

TWICE = 8
"""Items that are fetched twice to see whether they are the same."""


@runtime_checkable
class Indexable(Protocol):
    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...


@dataclass(frozen=True, slots=True)
class ItemImage:
    """The image of item `index`, fetched when it is needed."""

    dataset: Indexable
    index: int

    def __call__(self) -> Any:
        return self.dataset[self.index][0]


@dataclass(frozen=True, slots=True)
class ItemLabel:
    """The label of item `index`, fetched when it is needed."""

    dataset: Indexable
    index: int

    def __call__(self) -> Any:
        return _label(self.dataset, self.index)


class Kept:
    """The same items, the last of which is kept: its label is asked for when its image has just been."""

    def __init__(self, dataset: Indexable) -> None:
        self.dataset = dataset
        self._last: tuple[int, Any] | None = None

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int, /) -> Any:
        if self._last is None or self._last[0] != index:
            self._last = index, self.dataset[index]
        return self._last[1]


def recognise(source: Any, options: ReadOptions) -> bool:
    """Indexable, but no plain container: a list of pairs is one, a dict, a text or an array is not."""
    if isinstance(source, (str, bytes, tuple, Mapping)) or is_array(source):
        return False
    return isinstance(source, Indexable)


def read(source: Any, options: ReadOptions) -> Entries:
    """Labels come from `source.targets` where it has them, as torchvision's have; else, or where the items' own labels
    differ from them, every item is fetched once. Masks are fetched again whenever they are needed."""
    targets, notes = _declared(source), []
    if targets is not None and not _agree(source, targets):
        targets = None
        notes.append("`targets` of the data set are not the labels of its items; the items count")
    if targets is None:
        first = [_label(source, 0)] if len(source) else []
        if any(map(has_place, first)):
            return _placed(source, options)
        targets = [*first, *(_label(source, index) for index in range(1, len(source)))]
        notes.append("labels were read by fetching every item once")
    _check_item(source)
    kind, labels, names = labels_of(_plain(targets), options.kind)
    if len(labels) != len(source):
        raise DataError(f"The dataset has {len(source)} items and {len(labels)} targets; expected equally many.")
    names = _class_names(source, notes) or names
    if names and kind != "value":
        labels = [named(label, names) for label in labels]
        kind = kind or ("label" if all(isinstance(label, str) for label in labels) else None)
    entries = [Entry(ItemImage(source, index), label, f"train[{index}]") for index, label in enumerate(labels)]
    return Entries(entries, kind, names, notes=tuple(notes))


def _placed(source: Any, options: ReadOptions) -> Entries:
    """Masks or boxes. DataError where an item is another one when it is fetched again: boxes are read only once."""
    for index in range(min(TWICE, len(source))):
        if not _same(_label(source, index), _label(source, index)):
            raise DataError(
                f"dataset[{index}] gives other masks or boxes each time it is fetched. Give the data set without "
                "random transforms; plusx flips, cuts and recolours by itself."
            )
    notes, items = ["labels were read by fetching every item once"], Kept(source)
    images = [ItemImage(items, index) for index in range(len(source))]
    labels = [ItemLabel(items, index) for index in range(len(source))]
    names = [f"train[{index}]" for index in range(len(source))]
    own = placed(images, labels, names, _class_names(source, notes), options)
    rows = zip(images, own.labels, names, strict=True)
    entries = [Entry(image, label, name) for image, label, name in rows]
    return Entries(entries, own.kind, own.classes, notes=(*notes, *own.notes))


def _same(one: Any, other: Any) -> bool:
    """NaN is the same as NaN: what it is worth is said elsewhere."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return all(_same(one[key], other[key]) for key in one.keys() & other.keys() & {"boxes", "labels"})
    a, b = np.asarray(one), np.asarray(other)
    return a.shape == b.shape and bool(((a == b) | (a != a)).all())


def named(label: Any, names: Sequence[str]) -> Any:
    """The class names that an index, or several, stand for."""
    if isinstance(label, (list, tuple)):
        return tuple(named(part, names) for part in label)
    if not isinstance(label, int):
        return label
    if not 0 <= label < len(names):
        raise DataError(f"Label {label} is outside of 0..{len(names) - 1}, the indices of the {len(names)} classes.")
    return names[label]


def _declared(source: Any) -> Any:
    """`targets`; through a torch Subset those of its dataset, of a ConcatDataset those of its parts."""
    subset, parts = _subset(source), _parts(source)
    if subset is not None:
        inner = _declared(subset[0])
        return None if inner is None else [inner[index] for index in subset[1]]
    if parts:
        declared = [_declared(part) for part in parts]
        return None if any(one is None for one in declared) else [target for one in declared for target in one]
    targets = getattr(source, "targets", None)
    return targets if isinstance(targets, (list, tuple)) or is_array(targets) else None


def _class_names(source: Any, notes: list[str]) -> tuple[str, ...]:
    """`classes`, found where `targets` are. Parts with different names keep their numbers, and a note says so."""
    classes = getattr(source, "classes", None)
    if isinstance(classes, (list, tuple)):
        return tuple(map(str, classes))
    subset = _subset(source)
    if subset is not None:
        return _class_names(subset[0], notes)
    found = dict.fromkeys(_class_names(part, notes) for part in _parts(source))
    if len(found) > 1:
        told = "; ".join(shown(names) or "none" for names in found)
        notes.append(f"the joined data sets name their classes differently ({told}); classes are called by number")
    return next(iter(found)) if len(found) == 1 else ()


def _subset(source: Any) -> tuple[Any, Sequence[int]] | None:
    """The dataset and the indices of a torch Subset, as `random_split` gives them."""
    dataset: Any = getattr(source, "dataset", None)
    indices: Any = getattr(source, "indices", None)
    if dataset is None or not (isinstance(indices, Sequence) or is_array(indices)):
        return None
    return dataset, [int(index) for index in indices]


def _parts(source: Any) -> Sequence[Any]:
    """The datasets of a torch ConcatDataset."""
    parts = getattr(source, "datasets", None)
    return parts if isinstance(parts, (list, tuple)) and getattr(source, "cumulative_sizes", None) else ()


def _agree(source: Any, targets: Any) -> bool:
    """Whether the first, middle and last items have the declared labels: a data set may transform them."""
    count = len(source)
    if len(targets) != count:
        return True  # said elsewhere
    return all(np.array_equal(_label(source, i), targets[i]) for i in sorted({0, count // 2, count - 1}) if count)


def _check_item(source: Any) -> None:
    if not len(source):
        raise DataError("The dataset is empty; expected at least two items.")
    _label(source, 0)


def _label(source: Any, index: int) -> Any:
    item = source[index]
    if not isinstance(item, (tuple, list)) or len(item) != 2:
        what = f"{len(item)} parts" if isinstance(item, (tuple, list)) else f"an object of type {type(item).__name__}"
        raise DataError(f"dataset[{index}] gives {what}; expected (image, label).")
    return item[1]


def _plain(targets: Any) -> Any:
    """A list of tensors or arrays becomes a list of numbers, or one array of rows."""
    if not isinstance(targets, (list, tuple)) or not any(is_array(t) or isinstance(t, np.generic) for t in targets):
        return targets
    rows = [np.asarray(target) for target in targets]
    if len({row.shape for row in rows}) > 1:
        raise DataError(f"Labels have different shapes, e.g. {sorted({row.shape for row in rows})[:3]}; expected one.")
    return np.stack(rows)


FORMATS.register("torch dataset")(Format(recognise, read, LAYOUT, rank=20))

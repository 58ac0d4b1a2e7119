"""Hugging Face data sets: Dataset and DatasetDict with an image column and a label column."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plusx.core.errors import DataError, unknown
from plusx.data.formats.columns import usual_label
from plusx.data.formats.format import FORMATS, Entries, Entry, Format, is_instance_of, shown
from plusx.data.formats.indicators import from_columns
from plusx.data.formats.labels import is_missing
from plusx.data.formats.options import ReadOptions
from plusx.data.formats.splits import Split, split_of
from plusx.data.formats.torch_dataset import named

LAYOUT = "a Hugging Face Dataset or DatasetDict with an image column and a label column"


@dataclass(frozen=True, slots=True)
class CellImage:
    """The image in row `index`, still encoded: it is decoded as all other files are."""

    dataset: Any  # only the image column, not decoded
    column: str
    index: int

    def __call__(self) -> Any:
        cell = self.dataset[self.index][self.column]
        if isinstance(cell, Mapping):
            return cell["bytes"] if cell["bytes"] is not None else Path(cell["path"])
        return Path(cell) if isinstance(cell, str) else cell


def recognise(source: Any, options: ReadOptions) -> bool:
    return is_instance_of(source, "datasets", "Dataset") or is_instance_of(source, "datasets", "DatasetDict")


def read(source: Any, options: ReadOptions) -> Entries:
    """A Dataset is "train"; the parts of a DatasetDict by their names, others are left out with a note."""
    parts, notes = _parts(source)
    first = next(iter(parts.values()))
    image, labels = _image_column(first, options), _label_columns(first, options)
    notes.append(f"columns: image {image!r}, label {', '.join(map(repr, labels))}")
    classes = _class_names(first.features[labels[0]]) if len(labels) == 1 else ()
    counts = [len(part) for part in parts.values()]
    kind, all_labels = from_columns(_cells(list(parts.values()), labels), labels, options.kind)
    if classes:
        all_labels = [_labelled(label, classes) for label in all_labels]
        kind = "labels" if any(isinstance(label, tuple) for label in all_labels) else "label"
    elif kind in ("label", "labels"):
        classes = labels
    entries: list[Entry] = []
    for (split, part), count in zip(parts.items(), counts, strict=True):
        entries += _entries(part, split, image, all_labels[len(entries) : len(entries) + count], options)
    return Entries(entries, kind, classes, labels, notes=tuple(notes))


def _parts(source: Any) -> tuple[dict[Split, Any], list[str]]:
    if not isinstance(source, Mapping):
        return {"train": source}, []
    parts = {split: part for name, part in source.items() if (split := split_of(str(name))) is not None}
    others = [str(name) for name in source if split_of(str(name)) is None]
    if not parts:
        raise DataError(f"The DatasetDict has the parts {shown(others)}; expected train, and perhaps val and test.")
    return parts, [f"parts that are none of train, val, test left out: {shown(others)}"] if others else []


def _image_column(dataset: Any, options: ReadOptions) -> str:
    if options.image_column is not None:
        return _known(options.image_column, dataset)
    images = [name for name, feature in dataset.features.items() if is_instance_of(feature, "datasets", "Image")]
    if len(images) == 1:
        return images[0]
    columns = shown(list(dataset.features), 12)
    raise DataError(f"The data set has {len(images)} image columns among {columns}; name one with image_column.")


def _label_columns(dataset: Any, options: ReadOptions) -> tuple[str, ...]:
    if options.label_columns:
        return tuple(_known(name, dataset) for name in options.label_columns)
    usual = usual_label(list(dataset.features))
    labels = [usual] if usual else [name for name, feature in dataset.features.items() if _class_names(feature)]
    if len(labels) == 1:
        return (labels[0],)
    raise DataError(
        f"The data set has {len(labels)} label columns among {shown(list(dataset.features), 12)}; "
        "name one with label_column."
    )


def _known(name: str, dataset: Any) -> str:
    if name not in dataset.features:
        raise unknown("column", name, dataset.features)
    return name


def _class_names(feature: Any) -> tuple[str, ...]:
    """Of a ClassLabel or a list of them; empty for any other feature."""
    inner = feature.feature if is_instance_of(feature, "datasets", "Sequence") else feature
    return tuple(inner.names) if is_instance_of(inner, "datasets", "ClassLabel") else ()


def _cells(parts: list[Any], columns: tuple[str, ...]) -> list[list[Any]]:
    tables = [part.with_format(None).select_columns(list(columns))[:] for part in parts]
    return [[cell for table in tables for cell in table[name]] for name in columns]


def _labelled(label: Any, classes: tuple[str, ...]) -> Any:
    """-1 is how unlabelled rows of public test sets are written."""
    label = tuple(label) if isinstance(label, list) else label
    if not classes or label is None:
        return label
    return None if label == -1 else named(label, classes)


def _entries(part: Any, split: Split, image: str, labels: list[Any], options: ReadOptions) -> list[Entry]:
    feature = part.features[image]
    images = part.with_format(None).select_columns([image])
    if is_instance_of(feature, "datasets", "Image"):
        images = images.cast_column(image, type(feature)(decode=False))
    groups = [None] * len(part)
    if options.group_column is not None:
        (groups,) = _cells([part], (_known(options.group_column, part),))
    return [
        Entry(CellImage(images, image, row), label, f"{split}[{row}]", split, None if is_missing(group) else str(group))
        for row, (label, group) in enumerate(zip(labels, groups, strict=True))
    ]


FORMATS.register("huggingface")(
    Format(recognise, read, LAYOUT, frozenset({"image_column", "label_column", "group_column"}), rank=0)
)

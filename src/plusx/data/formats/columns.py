"""Which column of a table holds the images, which the labels, the split and the group."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from plusx.core.errors import DataError, unknown
from plusx.data.formats.delimited import Table
from plusx.data.formats.files import ImageFiles
from plusx.data.formats.format import shown
from plusx.data.formats.labels import is_missing
from plusx.data.formats.options import ReadOptions
from plusx.data.formats.splits import split_of
from plusx.data.images import IMAGE_SUFFIXES

USUAL_LABELS = (
    *("label", "labels", "class", "classes", "class_name", "classname", "category", "categories", "target", "targets"),
    *("tag", "tags", "y", "label_name", "category_name", "class_id", "label_id", "标签", "类别"),
)
USUAL_IMAGES = (
    "image",
    "images",
    "file",
    "filename",
    "file_name",
    "path",
    "filepath",
    "file_path",
    "image_path",
    "img",
)
USUAL_SPLITS = ("split", "set", "subset", "partition", "phase", "dataset")
SAMPLE = 100
"""Rows that are looked at to find the image column."""


@dataclass(frozen=True)
class Columns:
    """The names of the columns that are read."""

    image: str
    labels: tuple[str, ...]
    split: str | None
    group: str | None

    def note(self, table: str) -> str:
        chosen = [f"image {self.image!r}", f"label {', '.join(map(repr, self.labels))}"]
        chosen += [f"split {self.split!r}"] if self.split else []
        chosen += [f"group {self.group!r}"] if self.group else []
        return f"columns of {table}: {', '.join(chosen)}"


def choose_columns(table: Table, files: ImageFiles, options: ReadOptions) -> Columns:
    """DataError or InputError, naming what there is, if a column is unknown or cannot be told from the others."""
    for name in (options.image_column, *options.label_columns, options.split_column, options.group_column):
        if name is not None and name not in table.columns:
            raise unknown("column", name, table.columns)
    image = options.image_column or image_column(table, files)
    if image is None:
        raise _no_image_column(table, files)
    split = options.split_column or _split_column(table)
    rest = [name for name in table.columns if name not in (image, split, options.group_column)]
    return Columns(image, options.label_columns or _label_column(table, rest), split, options.group_column)


def usual_label(names: Sequence[str]) -> str | None:
    """The column that by its name is the label."""
    lowered = {name.strip().lower(): name for name in reversed(names)}
    return next((lowered[usual] for usual in USUAL_LABELS if usual in lowered), None)


def sampled(cells: Sequence[Any]) -> Sequence[Any]:
    """At most `SAMPLE` cells, evenly spread."""
    return cells[:: max(1, len(cells) // SAMPLE)][:SAMPLE]


def image_column(table: Table, files: ImageFiles) -> str | None:
    """The column most of whose cells are images or lead to one; of several the one with the most different cells."""
    best, best_rank = None, (0, 0)
    for name, cells in table.columns.items():
        some = sampled(cells)
        found = sum(in_memory(cell) for cell in some) or files.prefer(map(path_in, some), None)
        rank = (found, len(set(map(repr, some))))
        if found and rank > best_rank:
            best, best_rank = name, rank
    return best


def in_memory(cell: Any) -> bool:
    """Whether the cell holds the image itself: file content, PIL image or array."""
    if isinstance(cell, Mapping):
        return isinstance(cell.get("bytes"), bytes)
    return isinstance(cell, (bytes, Image.Image)) or (isinstance(cell, np.ndarray) and cell.ndim >= 2)


def path_in(cell: Any) -> str | None:
    """The path that a cell names; whole numbers may be the stem of a file."""
    if isinstance(cell, Mapping):
        cell = cell.get("path")
    if isinstance(cell, (str, os.PathLike)):
        return os.fspath(cell)
    return str(cell) if isinstance(cell, int) and not isinstance(cell, bool) else None


def _split_column(table: Table) -> str | None:
    for name, cells in table.columns.items():
        if name.strip().lower() in USUAL_SPLITS and all(split_of(str(cell)) for cell in cells):
            return name
    return None


def _label_column(table: Table, rest: Sequence[str]) -> tuple[str, ...]:
    usual = usual_label(rest)
    if usual is not None:
        return (usual,)
    useful = [name for name in rest if name and not name.lower().startswith("unnamed:")]
    useful = [name for name in useful if not all(is_missing(cell) for cell in table.columns[name])]
    if len(useful) == 1:
        return (useful[0],)
    where = table.path or "the table"
    if not useful:
        raise DataError(f"{where} has no column for labels besides {shown(list(table.columns))}; add one called label.")
    raise DataError(
        f"{where}: which column is the label? It could be {shown(useful, 12)}. Name it with label_column; "
        "several for several values, or for columns of 0 and 1."
    )


def _no_image_column(table: Table, files: ImageFiles) -> DataError:
    """All images missing and no image column at all look alike, up to the names."""
    where = table.path or "the table"
    looked = f"Looked in {shown(files.bases, 4)}."
    for name, cells in table.columns.items():
        paths = [path for path in map(path_in, sampled(cells)) if path]
        suffixed = any(os.path.splitext(path)[1].lower() in IMAGE_SUFFIXES for path in paths)  # noqa: PTH122
        if suffixed or (paths and name.strip().lower() in USUAL_IMAGES):
            return DataError(
                f"{where}: none of the {len(cells)} files named in column {name!r} exists, e.g. {paths[0]!r}. {looked} "
                "Put the images there, or write their paths into the column."
            )
    columns = shown(list(table.columns), 12)
    return DataError(f"{where}: no cell of the columns {columns} leads to an image file. {looked}")

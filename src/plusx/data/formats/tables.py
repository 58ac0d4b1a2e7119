"""CSV, TSV, Parquet and DataFrames: one row per image. Which column is what, their content says."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from plusx.core.errors import DataError, MissingExtraError
from plusx.core.finding import Finding
from plusx.core.sample import ImageSource, Kind
from plusx.data.formats.columns import (
    Columns,
    choose_columns,
    image_column,
    in_memory,
    path_in,
    sampled,
    usual_label,
)
from plusx.data.formats.decimals import with_points
from plusx.data.formats.delimited import Table, read_delimited
from plusx.data.formats.files import ImageFiles
from plusx.data.formats.folders import has_class_folders
from plusx.data.formats.format import FORMATS, Entries, Entry, Format, counted, is_instance_of, shown
from plusx.data.formats.indicators import from_columns
from plusx.data.formats.labels import is_missing
from plusx.data.formats.options import ReadOptions
from plusx.data.formats.row_findings import not_listed, usual_groups, without_image
from plusx.data.formats.splits import ORDER, Split, split_of

DELIMITED = (".csv", ".tsv", ".txt")
PARQUET = (".parquet", ".pq")
HEAD = 200
"""Rows that are read to recognise a table."""

LAYOUT = "a table (CSV, TSV, Parquet, DataFrame) with a column of image files and a column of labels"


def recognise(source: Any, options: ReadOptions) -> bool:
    """A table; or a folder with a table that leads to images, unless class folders say the same more plainly."""
    if not isinstance(source, (str, os.PathLike)):
        return is_instance_of(source, "pandas", "DataFrame")
    path = Path(source)
    if path.is_file():
        return path.suffix.lower() in (*DELIMITED, *PARQUET)
    tables = tables_in(path)
    if not tables:
        return False
    if options.image_column is not None or options.label_column is not None:
        return True
    return _leads_to_images(next(iter(tables)), path) or not has_class_folders(path)


def _leads_to_images(path: Path, root: Path) -> bool:
    """Whether the head of the table shows files, and a label by its usual name."""
    try:
        head = read_table(path, HEAD)
    except DataError:
        return False
    image = image_column(head, ImageFiles(root))
    return image is not None and usual_label([name for name in head.columns if name != image]) is not None


def tables_in(folder: Path) -> dict[Path, Split | None]:
    """The one table of a folder, or those that are named like splits (train.csv, test.csv), in order of splits."""
    suffixes = (*DELIMITED[:2], *PARQUET)
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in suffixes and not p.name.startswith("."))
    named: dict[Path, Split | None] = {path: split_of(path.stem) for path in paths}
    if any(split == "train" for split in named.values()):
        splits = [(path, split) for path, split in named.items() if split is not None]
        return dict(sorted(splits, key=lambda item: (ORDER.index(item[1]), item[0])))
    return dict.fromkeys(paths) if len(paths) == 1 else {}


def read(source: Any, options: ReadOptions) -> Entries:
    """Relative paths count from the table's folder, or from the current one for a DataFrame."""
    tables, root = tables_of(source)
    files = ImageFiles(root, below=bool(tables[0][0].path))
    first = tables[0][0]
    columns = choose_columns(first, files, options)
    notes = [*first.notes, columns.note(first.path.name if first.path else "the table")]
    kind, labels = _labels(tables, columns, options, notes)
    entries: list[Entry] = []
    findings: list[Finding] = []
    for number, (table, split) in enumerate(tables):
        rows = Rows(table, columns, split, files)
        entries += _without_missing(rows, labels[number], options, notes)
        findings += without_image(table, rows.missing)
    if not entries:
        raise DataError(f"{source if first.path else 'The table'} has no row whose image exists. {notes[-1]}")
    _note_repeated(entries, notes)
    classes = columns.labels if kind in ("label", "labels") else ()
    findings += [*not_listed(entries, files, first.path), *usual_groups(tables, columns)]
    return Entries(entries, kind, classes, columns.labels, root, tuple(notes), tuple(findings))


def tables_of(source: Any) -> tuple[list[tuple[Table, Split | None]], Path]:
    """The tables of a file, a folder or a DataFrame with their splits, and the folder that paths count from."""
    if not isinstance(source, (str, os.PathLike)):
        frame = source.astype(object).where(source.notna(), None)
        columns = {str(name): frame.iloc[:, index].tolist() for index, name in enumerate(frame.columns)}
        return [(Table(columns), None)], Path.cwd()
    path = Path(source)
    if path.is_file():
        return [(read_table(path), None)], path.parent
    return [(read_table(table), split) for table, split in tables_in(path).items()], path


def read_table(path: Path, limit: int | None = None) -> Table:
    """The first `limit` rows of a CSV, TSV or Parquet file, or all."""
    return _read_parquet(path, limit) if path.suffix.lower() in PARQUET else read_delimited(path, limit)


def _read_parquet(path: Path, limit: int | None) -> Table:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        raise MissingExtraError("pyarrow", "tables", f"Reading {path}") from None
    try:
        with parquet.ParquetFile(path) as file:
            data = file.read() if limit is None else next(file.iter_batches(limit), file.schema_arrow.empty_table())
            return Table({str(name): data.column(name).to_pylist() for name in data.schema.names}, path)
    except ArrowException as error:
        raise DataError(f"{path}: not a readable Parquet file: {error}.") from error


def _labels(
    tables: Sequence[tuple[Table, Split | None]], columns: Columns, options: ReadOptions, notes: list[str]
) -> tuple[Kind | None, list[list[Any]]]:
    """Kind, None while undecided, and for every table one label per row."""
    cells = [
        [cell for table, _ in tables for cell in table.columns.get(name, [None] * len(table))]
        for name in columns.labels
    ]
    cells = with_points(cells, options, tables[0][0].delimiter, notes)
    kind, labels = from_columns(cells, columns.labels, options.kind)
    remaining = iter(labels)
    return kind, [list(islice(remaining, len(table))) for table, _ in tables]


class Rows:
    """The rows of one table as entries; images that do not exist are counted."""

    def __init__(self, table: Table, columns: Columns, split: Split | None, files: ImageFiles) -> None:
        self.table, self.columns, self.files = table, columns, files
        self.split: Split = split or "train"
        self.missing: dict[int, str] = {}  # row → what it names
        self.cells = table.columns.get(columns.image, [])
        files.prefer(map(path_in, sampled(self.cells)), split)

    def entries(self, labels: Sequence[Any]) -> Iterator[Entry]:
        splits = self._column(self.columns.split)
        groups = self._column(self.columns.group)
        for row, cell in enumerate(self.cells):
            split = self.split if splits is None else self._split(splits[row], row)
            name, image = self._image(cell, split, row)
            if image is None:
                self.missing[row] = name
                continue
            group = None if groups is None or is_missing(groups[row]) else str(groups[row])
            yield Entry(image, labels[row], name, split, group, self.table.place(row))

    def _column(self, name: str | None) -> list[Any] | None:
        return None if name is None else self.table.columns.get(name)

    def _split(self, cell: Any, row: int) -> Split:
        split = split_of(str(cell))
        if split is None:
            place = self.table.place(row).capitalize()
            raise DataError(f"{place}: {cell!r} in column {self.columns.split!r} is none of train, val, test.")
        return split

    def _image(self, cell: Any, split: Split, row: int) -> tuple[str, ImageSource | None]:
        if in_memory(cell):
            image = cell["bytes"] if isinstance(cell, dict) else cell
            return path_in(cell) or f"{split}[{row}]", image
        path = path_in(cell)
        found = None if path is None else self.files.find(path)
        if found is None:
            return path or self.table.place(row), None
        return self.files.name_of(found), Path(found)


def _without_missing(rows: Rows, labels: Sequence[Any], options: ReadOptions, notes: list[str]) -> list[Entry]:
    entries = list(rows.entries(labels))
    missing = [name for name in rows.missing.values() if name not in options.exclude]
    if missing:
        text = f"{len(missing)} of {len(rows.cells)} labels without an image: {shown(missing)}"
        if options.missing_files == "error":
            raise DataError(
                f"{rows.table.path or 'The table'}: {text}. "
                "Put the files there, remove the rows, or leave them out (missing_files, --missing-files: skip)."
            )
        notes.append(f"{text}; left out")
    return entries


def _note_repeated(entries: Sequence[Entry], notes: list[str]) -> None:
    counts = Counter(entry.name for entry in entries)
    repeated = [name for name, count in counts.items() if count > 1]
    if repeated:
        notes.append(f"{counted(len(repeated), 'image')} in several rows: {shown(repeated)}")


FORMATS.register("tables")(
    Format(
        recognise,
        read,
        LAYOUT,
        frozenset({"image_column", "label_column", "split_column", "group_column", "missing_files"}),
        rank=1,
    )
)

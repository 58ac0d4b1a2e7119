"""Which columns a source has, before any of it is read."""

import os
from pathlib import Path
from typing import Any

from plusx.core.errors import DataError, MissingExtraError
from plusx.data.formats.delimited import read_delimited
from plusx.data.formats.format import is_instance_of
from plusx.data.formats.tables import DELIMITED, PARQUET, tables_in


def column_names(source: Any) -> frozenset[str]:
    """Of a table, of all tables of a folder, of a DataFrame or a Hugging Face data set; none of anything else.

    Empty as well for what cannot be read: `read` says why.
    """
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        try:
            tables = list(tables_in(path)) if path.is_dir() else [path]
            return frozenset[str]().union(*map(_of_file, tables))
        except (DataError, MissingExtraError, OSError):
            return frozenset()
    if is_instance_of(source, "pandas", "DataFrame"):
        return frozenset(map(str, source.columns))
    if is_instance_of(source, "datasets", "Dataset"):
        return frozenset(source.column_names)
    if is_instance_of(source, "datasets", "DatasetDict"):
        return frozenset[str]().union(*source.column_names.values())
    return frozenset()


def _of_file(path: Path) -> frozenset[str]:
    suffix = path.suffix.lower()
    if suffix in DELIMITED:
        return frozenset(read_delimited(path, 1).columns)
    return _of_parquet(path) if suffix in PARQUET else frozenset()


def _of_parquet(path: Path) -> frozenset[str]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        raise MissingExtraError("pyarrow", "tables", f"Reading {path}") from None
    try:
        return frozenset(parquet.read_schema(path).names)
    except ArrowException as error:
        raise DataError(f"{path}: not a readable Parquet file: {error}.") from error

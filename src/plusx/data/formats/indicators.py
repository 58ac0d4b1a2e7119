"""Labels in several columns: 0 and 1 for every class (one-hot is one class, others are several), or values."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plusx.core.errors import DataError
from plusx.core.sample import Kind
from plusx.data.formats.labels import is_missing, is_number


def from_indicators(matrix: NDArray[Any], names: Sequence[Any], kind: Kind | None) -> tuple[Kind, list[Any]] | None:
    """Kind and one label (or tuple of labels) per row, out of `names`; None if `matrix` (N, K) is no 0/1 matrix.

    kind: what the labels are to be taken for, None to let the rows decide: one 1 in each is one class.
    """
    if matrix.shape[1] < 2 or kind == "value" or not np.isin(matrix, (0, 1)).all():
        return None
    positive = matrix.astype(bool)
    if kind != "labels" and (positive.sum(axis=1) == 1).all():
        return "label", [names[index] for index in positive.argmax(axis=1).tolist()]
    return "labels", [tuple(names[index] for index in np.flatnonzero(row).tolist()) for row in positive]


def from_columns(
    columns: Sequence[Sequence[Any]], names: Sequence[str], kind: Kind | None
) -> tuple[Kind | None, list[Any]]:
    """Kind and one label per row of one or several columns; None for a row in which a cell is missing.

    A single column is returned as it is, its kind undecided. DataError if several columns hold text.
    """
    if len(columns) == 1:
        return None, list(columns[0])
    rows = [None if any(map(is_missing, row)) else row for row in zip(*columns, strict=True)]
    present = [row for row in rows if row is not None]
    for row in present:
        if not all(is_number(cell) or isinstance(cell, bool) for cell in row):
            raise DataError(
                f"The columns {', '.join(names)} hold {row}; several label columns must hold numbers, or 0 and 1."
            )
    matrix = np.array([[float(cell) for cell in row] for row in present]).reshape(-1, len(columns))
    indicated = from_indicators(matrix, names, kind)
    if indicated is None:
        return "value", rows
    found, labels = indicated
    remaining = iter(labels)
    return found, [None if row is None else next(remaining) for row in rows]

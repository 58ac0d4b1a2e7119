"""CSV and TSV as people have them: byte order marks, other encodings, semicolons, no header."""

import codecs
import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plusx.core.errors import DataError, twice
from plusx.data.images import IMAGE_SUFFIXES

DELIMITERS = (",", "\t", ";", "|")


@dataclass(frozen=True)
class Table:
    """Columns of equal length. `path`: the file, None for a table in memory; `delimiter`: "" where there is none.

    lines: the number of each row's line, as an editor counts them; empty where there are no lines.
    """

    columns: dict[str, list[Any]]
    path: Path | None = None
    notes: tuple[str, ...] = ()
    delimiter: str = ""
    lines: tuple[int, ...] = ()

    @property
    def unit(self) -> str:
        """What its rows are counted in."""
        return "line" if self.lines else "row"

    def number(self, row: int) -> int:
        """Of a row, which counts from 0: its line, or its row counted from 1."""
        return self.lines[row] if self.lines else row + 1

    def place(self, row: int) -> str:
        """`line 7`: where a row stands."""
        return f"{self.unit} {self.number(row)}"

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), []))


def read_delimited(path: Path, limit: int | None = None) -> Table:
    """The first `limit` rows, or all. DataError names the file and the line."""
    text, notes = _decoded(path, None if limit is None else (limit + 1) * 4096)
    delimiter = _delimiter(text)
    try:
        rows = _rows(text, delimiter, limit)
    except csv.Error as error:
        raise DataError(
            f"{path}: no readable table: {error}. Expected a CSV with the columns image and label."
        ) from None
    if not rows:
        raise DataError(f"{path}: the table is empty. Expected a line with the column names, then one line per image.")
    header, body = [cell.strip() for cell in rows[0][1]], rows[1:]
    if _looks_like_data(header):
        header, body = [f"column{number}" for number in range(1, len(header) + 1)], rows
        notes += (f"{path.name} has no line with column names; called {', '.join(header)}",)
    lines = tuple(line for line, _ in body)
    return Table(_columns(path, header, body, delimiter), path, notes, delimiter, lines)


def _decoded(path: Path, limit: int | None) -> tuple[str, tuple[str, ...]]:
    with path.open("rb") as file:
        data = file.read(-1 if limit is None else limit)
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace"), (f"{path.name} is encoded in UTF-16",)
    if b"\0" in data:
        raise DataError(f"{path}: not a text table (it holds zero bytes). Expected CSV, TSV or Parquet.")
    final = limit is None or len(data) < limit  # a piece may end within a character
    for encoding, note in (("utf-8-sig", ""), ("gb18030", "GB 18030"), ("cp1252", "Windows-1252")):
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            return decoder.decode(data, final), (f"{path.name} is no UTF-8, read as {note}",) if note else ()
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1"), (f"{path.name} is no UTF-8, read as Latin-1",)


def _delimiter(text: str) -> str:
    """The one that cuts the first lines into equally many cells, and into the most."""
    sample = text[:65536].splitlines()[:50]
    lines = sample if len(text) <= 65536 or len(sample) == 50 else sample[:-1]

    def score(delimiter: str) -> tuple[float, int]:
        widths = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
        width = widths[0] if widths else 0
        return (sum(w == width for w in widths) / max(len(widths), 1) if width > 1 else 0.0, width)

    return max(DELIMITERS, key=score)


def _rows(text: str, delimiter: str, limit: int | None) -> list[tuple[int, list[str]]]:
    """(number of the line, cells) of all lines that are not blank; of a row of several lines that of the first."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=False)
    rows: list[tuple[int, list[str]]] = []
    ended = 0
    for row in reader:
        if any(cell.strip() for cell in row):
            rows.append((ended + 1, row))
        ended = reader.line_num
        if limit is not None and len(rows) > limit:
            break
    return rows


def _looks_like_data(header: Sequence[str]) -> bool:
    return any(Path(cell).suffix.lower() in IMAGE_SUFFIXES for cell in header)


def _columns(path: Path, header: list[str], body: list[tuple[int, list[str]]], delimiter: str) -> dict[str, list[Any]]:
    if repeated := twice([*filter(None, header)]):
        raise DataError(f"{path}: two columns are called {repeated[0]!r}; rename one.")
    for line, row in body:
        if len(row) > len(header) and any(cell.strip() for cell in row[len(header) :]):
            raise DataError(
                f"{path}, line {line}: {len(row)} cells, but the table has {len(header)} columns "
                f"({', '.join(header)}). Put cells that hold the delimiter {delimiter!r} in quotes."
            )
    columns: dict[str, list[Any]] = {}
    for index, name in enumerate(header):
        columns[name] = [row[index].strip() if index < len(row) else "" for _, row in body]
    return columns

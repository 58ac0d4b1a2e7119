"""split.csv: which image, with which target, was in which split of a run."""

import csv
from collections.abc import Iterable
from typing import NamedTuple

from plusx.core.errors import InputError
from plusx.core.storage import replacing
from plusx.workflows.directory import RunDirectory


class Row(NamedTuple):
    """One image; `sha256` of its file (of its pixels, for arrays) is "" where the run did not write it down."""

    split: str
    image: str
    target: str
    group: str = ""
    sha256: str = ""


def write_split(run: RunDirectory, rows: Iterable[Row]) -> None:
    """Row by row, so that a million of them take no memory."""
    with (
        replacing(run.split) as temporary,
        temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Row._fields)
        writer.writerows(rows)


def split_rows(run: RunDirectory) -> list[Row]:
    """Every image that the run used, in order. InputError if the file is gone or damaged."""
    try:
        with run.split.open(encoding="utf-8", newline="") as file:
            return [
                Row(row["split"], row["image"], row["target"], row.get("group") or "", row.get("sha256") or "")
                for row in csv.DictReader(file)
            ]
    except (OSError, KeyError, UnicodeDecodeError) as error:
        advice = "Restore the data, or name the images to take instead."
        raise InputError(f"{run.split} cannot be read ({error}). {advice}") from None

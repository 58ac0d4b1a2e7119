"""split.csv: which image, with which target, was in which split of a run."""

import csv
import io
from collections.abc import Sequence
from typing import NamedTuple

from plusx.core.errors import InputError
from plusx.core.storage import write_text
from plusx.workflows.directory import RunDirectory


class Row(NamedTuple):
    """One image; `sha256` of its file (of its pixels, for arrays) is "" where the run did not write it down."""

    split: str
    image: str
    target: str
    group: str = ""
    sha256: str = ""


def write_split(run: RunDirectory, rows: Sequence[Row]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Row._fields)
    writer.writerows(rows)
    write_text(run.split, text.getvalue())


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

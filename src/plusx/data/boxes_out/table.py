"""Writes boxes as a table: boxes.csv with the columns image, x1, y1, x2, y2, label, ignored, split."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from plusx.core.errors import DataError
from plusx.core.storage import write_text
from plusx.data.boxes_out.placed import Placed, corners_of
from plusx.data.formats.labels import is_missing

COLUMNS = ("image", "x1", "y1", "x2", "y2", "label", "ignored", "split")


def folder(split: str) -> str:
    return f"images/{split}"


def write(images: Sequence[Placed], classes: tuple[str, ...], out: Path) -> list[str]:
    """One row a box; an image without boxes has one row with nothing in between."""
    unclear = [name for name in classes if is_missing(name)]
    if unclear:
        raise DataError(f"Class {unclear[0]!r} would be taken for a missing label in a table. Rename it.")
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for image in images:
        file = image.file if image.file != image.name else f"{folder(image.split)}/{image.name}"
        rows = zip(image.boxes.labels, image.boxes.ignored, corners_of(image.boxes), strict=True)
        for label, ignored, corners in rows:
            table.writerow([file, *corners, classes[label], int(ignored), image.split])
        if not len(image.boxes):
            table.writerow([file, "", "", "", "", "", "", image.split])
    out.mkdir(parents=True, exist_ok=True)
    write_text(out / "boxes.csv", text.getvalue())
    seen = {int(index) for image in images for index in image.boxes.labels}
    lost = [name for index, name in enumerate(classes) if index not in seen]
    return [f"a table lists no classes: {len(lost)} without a box are not in it, {', '.join(lost[:5])}"] if lost else []

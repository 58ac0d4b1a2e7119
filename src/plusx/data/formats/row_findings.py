"""What is wrong with a table of images: rows without a file, files without a row, groups in a column nobody named."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from plusx.core.finding import Finding
from plusx.data.formats.columns import Columns
from plusx.data.formats.delimited import Table
from plusx.data.formats.files import ImageFiles
from plusx.data.formats.format import Entry
from plusx.data.formats.labels import is_missing
from plusx.data.formats.splits import Split

GROUPS = (
    *("person", "patient", "subject", "sender", "user", "author", "owner", "photographer", "speaker", "participant"),
    *("video", "clip", "scene", "session", "sequence", "series", "track", "burst", "shot", "group", "case", "study"),
    *("lesion", "slide", "plant", "animal", "individual", "household", "specimen", "object"),
    *("患者", "病人", "受试者", "用户", "视频", "序列", "分组"),
)
"""Columns that say whom or what an image shows, or who sent it; also with `_id`, `_no`, `_name` or `_number` behind."""

_ENDINGS = ("", "id", "no", "name", "number", "nr", "uuid", "编号")


def without_image(table: Table, missing: Mapping[int, str]) -> Iterator[Finding]:
    """Rows whose image is not there. missing: row → what it names."""
    called = table.path.name if table.path else "the table"
    for row, name in missing.items():
        place = table.place(row)
        message = f"{called}, {place}: there is no image {name!r}" if name != place else f"{called}, {place}: no image"
        advice = "Put the files there, correct their names, or remove the rows. They are left out."
        yield Finding("row-without-image", "warning", message, advice, name, excluded=(name,))


def not_listed(entries: Sequence[Entry], files: ImageFiles, path: Path | None) -> Iterator[Finding]:
    """Images that no row names, in the folders that hold images of other rows."""
    if path is None:
        return
    used = {str(entry.image) for entry in entries if isinstance(entry.image, Path)}
    for folder in sorted({str(Path(image).parent) for image in used}):
        for image in files.images_in(folder):
            if image not in used:
                name = files.name_of(image)
                advice = "Right where a table is about some of the images; else add their rows. They are not used."
                message = f"{name}: no row of {path.name} names it"
                yield Finding("image-without-row", "note", message, advice, name, excluded=(name,))


def usual_groups(tables: Sequence[tuple[Table, Split | None]], columns: Columns) -> Iterator[Finding]:
    """A column that says who or what belongs together, where a random validation split would be made."""
    if columns.group is not None or columns.split is not None or any(split == "val" for _, split in tables):
        return
    taken = {columns.image, *columns.labels}
    first = tables[0][0]
    for name in first.columns:
        cells = [str(cell) for cell in first.columns[name] if not is_missing(cell)]
        counts = Counter(cells)
        if name in taken or not _says_groups(name) or not _repeats(counts, len(first)):
            continue
        together = sum(count for count in counts.values() if count > 1)
        yield Finding(
            "groups-column",
            "warning",
            f"{together} of {len(first)} images share their {name!r} with another, {len(counts)} in all: a random "
            "validation split separates them",
            "Keep what belongs together on one side of the split, or results will be too good.",
            options=("--group-column", name),
        )
        return


def _says_groups(column: str) -> bool:
    plain = "".join(letter for letter in column.lower() if letter.isalnum())
    return any(plain == group + ending for group in GROUPS for ending in _ENDINGS)


def _repeats(counts: Counter[str], rows: int) -> bool:
    """Several groups, and a fifth of the images or more in one with others."""
    together = sum(count for count in counts.values() if count > 1)
    return len(counts) > 2 and together >= 0.2 * rows

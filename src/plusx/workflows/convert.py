"""convert: boxes from one format into another. Needs no torch; the source is only read."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from plusx.core.errors import DataError, InputError
from plusx.core.targets import Boxes
from plusx.data.boxes_out.write import write_boxes
from plusx.workflows.options import ReadingSettings
from plusx.workflows.origin import refuse_inside
from plusx.workflows.preparation import read_listing
from plusx.workflows.settings import ConvertSettings
from plusx.workflows.signature import takes
from plusx.workflows.values import read_settings


@dataclass(frozen=True)
class Converted:
    """What was written to `path`: images and boxes of every split; `notes` say what was left out or decided."""

    path: Path
    format: str
    images: dict[str, int]
    boxes: dict[str, int]
    notes: tuple[str, ...]

    def lines(self) -> Iterator[str]:
        """For a terminal."""
        yield from self.notes
        for split, count in self.images.items():
            yield f"{split}: {count} images, {self.boxes[split]} boxes"
        yield f"Written to {self.path} ({self.format})"


@takes(ConvertSettings)
def convert(data: Any, **settings: Any) -> Converted:
    """Reads the boxes of `data` (COCO, VOC, YOLO, a table) and writes them to the directory `out` in the format `to`.

    Every box stays where it is, to 0.001 pixels. InputError where `out` is missing, not empty or inside of the source;
    DataError for a source without boxes and for boxes that are none.
    """
    options = read_settings(ConvertSettings, settings)
    if options.out is None:
        raise InputError("Where to? Give the directory to write to: --out DIR")
    reading = {field.name for field in fields(ReadingSettings)} & vars(options).keys()
    listing = read_listing(data, read_settings(ReadingSettings, {name: vars(options)[name] for name in reading}))
    if listing.kind != "boxes":
        raise DataError(f"{listing.format}: the labels are no boxes, and only boxes are converted between formats.")
    _check_free(options.out, data)
    notes = write_boxes(listing, options.to, options.out, options.images)
    targets = {split: [s.target for s in samples] for split, samples in listing.splits.items()}
    boxes = {split: sum(len(one) for one in found if isinstance(one, Boxes)) for split, found in targets.items()}
    images = {split: len(found) for split, found in targets.items()}
    return Converted(options.out, options.to, images, boxes, (*listing.notes, *notes))


def _check_free(out: Path, data: Any) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} exists and is not empty. Give another --out, or delete it.")
    refuse_inside(data, out, "Give another --out.")

"""A data set with boxes, written in any of the usual formats. Needs no torch."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from plusx.core.sample import Listing
from plusx.data.boxes_out import coco, table, voc, yolo
from plusx.data.boxes_out.placed import Placed, Placing, place, placed

Written: TypeAlias = Literal["coco", "voc", "yolo", "csv"]


@dataclass(frozen=True)
class Writer:
    """`folder`: of a split's images, below the output. `write` gives notes on what the format cannot say."""

    folder: Callable[[str], str]
    write: Callable[[Sequence[Placed], tuple[str, ...], Path], list[str]]


WRITERS: Final[Mapping[Written, Writer]] = MappingProxyType(
    {
        "coco": Writer(coco.folder, coco.write),
        "voc": Writer(voc.folder, voc.write),
        "yolo": Writer(yolo.folder, yolo.write),
        "csv": Writer(table.folder, table.write),
    }
)


def write_boxes(listing: Listing, to: Written, out: Path, placing: Placing = "copy") -> list[str]:
    """Images first, annotations last, so that what was cut short is not taken for a data set; gives notes.

    listing: of kind "boxes". Images are copied or linked into `out`, never moved; with "none" annotations name them
    as the source does. DataError for names that a format cannot hold and for images of unreadable size.
    """
    assert listing.kind == "boxes"
    images = list(placed(listing, placing))
    for image in images:
        place(image, out / WRITERS[to].folder(image.split), placing)
    return WRITERS[to].write(images, listing.classes, out)

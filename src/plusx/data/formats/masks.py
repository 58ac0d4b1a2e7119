"""Images and masks: a file beside every image that says the class of every pixel."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from plusx.core.errors import DataError
from plusx.data.formats.folders import Walk, unwrapped
from plusx.data.formats.format import FORMATS, Entries, Entry, Format, counted, shown
from plusx.data.formats.mask_classes import classes_of
from plusx.data.formats.mask_faults import MaskFaults
from plusx.data.formats.mask_folders import Pair, Place, listed, matches, order_files, paired, places, voc_lists
from plusx.data.formats.mask_table import class_table
from plusx.data.formats.options import ReadOptions
from plusx.data.masks import MaskFile
from plusx.data.sizes import read_size

LAYOUT = (
    "masks: DATA/images/1.jpg, DATA/masks/1.png; or DATA/train/images, DATA/train/masks; Pascal VOC's JPEGImages and "
    "SegmentationClass; or a table with the columns image and mask"
)


def recognise(source: Any, options: ReadOptions) -> bool:
    """Folders of images and masks, or a list of both. With boxes beside them they have to be asked for."""
    if not isinstance(source, (str, os.PathLike)) or options.kind not in (None, "mask"):
        return False
    path = Path(source)
    if path.is_file():
        return bool(order_files(path))
    top = unwrapped(path, Walk())
    if options.kind == "mask":
        return True
    return not _has_boxes(top) and (any(map(matches, places(top))) or bool(order_files(top)))


def _has_boxes(top: Path) -> bool:
    return any((top / "Annotations").glob("*.xml"))


def read(source: Any, options: ReadOptions) -> Entries:
    """Classes stand in a table beside the masks, or are what the masks hold. Masks are decoded when they are needed.

    DataError for images without masks, masks without images, masks of another size than their image, and masks that
    cannot be read.
    """
    path, walk = Path(source), Walk()
    top = path.parent if path.is_file() else unwrapped(path, walk)
    root = path.parent if path.is_file() else path
    notes = [*walk.remarks]
    faults = MaskFaults(root, options)
    pairs = _pairs(path if path.is_file() else top, notes, faults)
    used = [pair for pair in pairs if faults.name(pair.image) not in options.exclude] or pairs
    if options.broken == "error":
        _check_sizes(used)
    masks = [pair.mask for pair in used]
    lenient = options.broken == "finding"
    classes = classes_of(masks, class_table(top, root), options.classes, options.boundary, lenient=lenient)
    entries = [
        Entry(pair.image, MaskFile(pair.mask, classes.coding), faults.name(pair.image), pair.split) for pair in pairs
    ]
    return Entries(
        entries,
        "mask",
        classes.names,
        root=root,
        notes=(*notes, *classes.notes),
        findings=tuple(faults.findings),
    )


def _pairs(top: Path, notes: list[str], faults: MaskFaults) -> list[Pair]:
    files = order_files(top)
    if files:
        notes.append(f"images and masks as {shown([file.name for file in files])} lists them")
        return _some(listed(files), top)
    found = places(top) if top.is_dir() else []
    lists = voc_lists(top) if found and top.is_dir() else {}
    if lists:
        listed_places = [(Place(found[0].images, found[0].masks, split), names) for split, names in lists.items()]
        each = [(place, *paired(place, names)) for place, names in listed_places]
    else:
        each = [(place, *paired(place)) for place in found]
    for place, _, without, alone in each:
        faults.masks(place, alone)
        _check_without(place, without, notes, faults)
    return _some([pair for _, pairs, _, _ in each for pair in pairs], top)


def _some(pairs: list[Pair], top: Path) -> list[Pair]:
    if not pairs:
        raise DataError(f"{top} holds no images with masks. Expected {LAYOUT}.")
    return pairs


def _check_without(place: Place, without: Sequence[Path], notes: list[str], faults: MaskFaults) -> None:
    """A test split may come without masks; elsewhere a missing mask is a fault."""
    if place.split != "test":
        faults.images(place, without)
    elif without:
        names = shown([path.name for path in without])
        notes.append(f"{counted(len(without), 'image')} in {place.images} without a mask: {names}; left out")


def _check_sizes(pairs: Sequence[Pair]) -> None:
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        sizes = list(pool.map(_sizes, pairs))
    wrong = [(pair, both) for pair, both in zip(pairs, sizes, strict=True) if both is not None and both[0] != both[1]]
    if wrong:
        pair, ((image_height, image_width), (height, width)) = wrong[0]
        raise DataError(
            f"{pair.mask}: the mask has {width}×{height} pixels, its image {pair.image} has "
            f"{image_width}×{image_height}; they must be equal ({counted(len(wrong), 'mask')} of {len(pairs)} like "
            "this). Export the masks in the size of their images."
        )


def _sizes(pair: Pair) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """(height, width) of image and mask; None where the image cannot be read, which the audit says better."""
    try:
        image = read_size(pair.image)
    except DataError:
        return None
    mask = read_size(pair.mask)
    return (image.height, image.width), (mask.height, mask.width)


FORMATS.register("masks")(Format(recognise, read, LAYOUT, frozenset({"boundary"}), rank=-1))

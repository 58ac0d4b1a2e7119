"""Which mask belongs to which image: folders side by side, Pascal VOC's layout, or a list of pairs."""

import os
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from plusx.core.errors import DataError
from plusx.data.formats.delimited import read_delimited
from plusx.data.formats.files import ImageFiles
from plusx.data.formats.folders import Walk, direct_images, visible_folders
from plusx.data.formats.splits import ORDER, Split, split_of
from plusx.data.images import IMAGE_SUFFIXES

IMAGE_FOLDERS = ("images", "image", "imgs", "img", "jpegimages", "photos", "pictures")
MASK_FOLDERS = (
    *("masks", "mask", "segmentationclass", "segmentations", "segmentation", "annotations", "annotation"),
    *("labels", "label", "ground_truth", "groundtruth", "gt", "trimaps", "instances"),
)
BESIDE = ("_masks", "_mask", "_labels", "_label", "_annotations", "annot", "_annot", "_seg", "_gt", "masks", "labels")
"""What the name of a mask folder adds to that of its image folder: `train` and `train_masks`."""

MASK_ENDINGS = ("_mask", "-mask", "_masks", "_seg", "_segmentation", "_label", "_labels", "_gt", "_instances", "_l")
IMAGE_ENDINGS = ("_image", "_img", "_sat", "_leftimg8bit")
"""What file names add to the name that image and mask share."""

IMAGE_COLUMNS = ("image", "image_path", "img", "img_path", "image_file", "filename", "file")
MASK_COLUMNS = ("mask", "mask_path", "mask_file", "label_path", "seg", "segmentation", "annotation", "annotation_path")
SPLIT_COLUMNS = ("split", "subset", "set", "partition", "fold")
TABLES = (".csv", ".tsv", ".txt")
HEAD = 20
"""Lines or files that are looked at to recognise a layout."""


@dataclass(frozen=True)
class Place:
    """A folder of images, that of their masks, and the split they are."""

    images: Path
    masks: Path
    split: Split


@dataclass(frozen=True)
class Pair:
    """An image and its mask."""

    image: Path
    mask: Path
    split: Split


def places(top: Path) -> list[Place]:
    """Folders that stand side by side, in order of splits; none if there are none with both."""
    folders = visible_folders(top)
    side = _side_by_side(folders, "train")
    if side:
        return [place for one in side for place in _by_split(one)]
    named = [(split, visible_folders(folder)) for folder in folders if (split := split_of(folder.name))]
    within = [place for split, inner in named for place in _side_by_side(inner, split)]
    if within:  # what has no masks is told later
        seen = {place.split for place in within}
        within += [place for split, inner in named if split not in seen for place in _without_masks(inner, split)]
    return sorted(within or list(_beside(folders)), key=lambda place: ORDER.index(place.split))


def _side_by_side(folders: Sequence[Path], split: Split) -> list[Place]:
    named = {folder.name.lower(): folder for folder in folders}
    images = _image_folder(folders)
    masks = next((named[name] for name in MASK_FOLDERS if name in named and _some_images(named[name])), None)
    return [Place(images, masks, split)] if images and masks else []


def _image_folder(folders: Sequence[Path]) -> Path | None:
    named = {folder.name.lower(): folder for folder in folders}
    return next((named[name] for name in IMAGE_FOLDERS if name in named), None)


def _without_masks(folders: Sequence[Path], split: Split) -> list[Place]:
    images = _image_folder(folders)
    return [Place(images, images.parent / "masks", split)] if images else []


def _by_split(place: Place) -> Iterator[Place]:
    """`images/train` with `masks/train`; the place itself if its folders do not hold splits."""
    images, masks = ({split_of(f.name): f for f in visible_folders(folder)} for folder in (place.images, place.masks))
    if direct_images(place.images) or not any(split in masks for split in ORDER if split in images):
        yield place
    else:
        for split in (split for split in ORDER if split in images):
            yield Place(images[split], masks.get(split, place.masks / images[split].name), split)


def _beside(folders: Sequence[Path]) -> Iterator[Place]:
    named = {folder.name.lower(): folder for folder in folders}
    for folder in folders:
        name = folder.name.lower()
        masks = next((named[name + ending] for ending in BESIDE if name + ending in named), None)
        if masks is not None and (name in IMAGE_FOLDERS or split_of(name)):
            yield Place(folder, masks, split_of(name) or "train")


def _some_images(folder: Path) -> bool:
    return next(Walk().images(folder), None) is not None


def matches(place: Place) -> bool:
    """Whether one of the first masks has the name of an image."""
    if not place.masks.is_dir():
        return False
    images = {key for path in Walk().images(place.images) for key in _keys(path, place.images, IMAGE_ENDINGS)}
    masks = islice(Walk().images(place.masks), HEAD)
    return any(key in images for mask in masks for key in _keys(mask, place.masks, MASK_ENDINGS))


def paired(place: Place, wanted: Iterable[str] | None = None) -> tuple[list[Pair], list[Path], list[Path]]:
    """(pairs, images without a mask, masks without an image). `wanted`: names without ending that are to be used; None
    for all.

    DataError for two masks of one image, and a wanted name without an image.
    """
    images = _by_key(place.images, IMAGE_ENDINGS)
    masks = _by_key(place.masks, MASK_ENDINGS) if place.masks.is_dir() else {}
    if wanted is None:
        used = list(dict.fromkeys(images.values()))
        owners = {masks[key] for key in images if key in masks}
        alone = [mask for mask in dict.fromkeys(masks.values()) if mask not in owners]
    else:
        alone = []
        used = [_wanted(name, images, place) for name in dict.fromkeys(wanted)]
    pairs, without = [], []
    for image in used:
        keys = _keys(os.fspath(image), place.images, IMAGE_ENDINGS)
        mask = next((masks[key] for key in keys if key in masks), None)
        if mask is None:
            without.append(image)
        else:
            pairs.append(Pair(image, mask, place.split))
    return pairs, without, alone


def _wanted(name: str, images: Mapping[str, Path], place: Place) -> Path:
    key = _fold(name)
    if key not in images:
        raise DataError(f"{place.images} has no image called {name}, which the list of the {place.split} split names.")
    return images[key]


def _by_key(folder: Path, endings: Sequence[str]) -> dict[str, Path]:
    """Every file by its name, and by its name without ending where nothing else is called so."""
    found: dict[str, Path] = {}
    short: dict[str, Path] = {}
    for path in Walk().images(folder):
        whole, *cut = _keys(path, folder, endings)
        other = found.setdefault(whole, Path(path))
        if other != Path(path):
            raise DataError(f"{other} and {path} have the same name up to the suffix; keep one of them.")
        for key in cut:
            other = short.setdefault(key, Path(path))
            if other != Path(path):
                raise DataError(f"{other} and {path} both belong to {Path(key).name}; keep one of them.")
    return {**short, **found}


def by_key(images: Path) -> dict[str, Path]:
    """Every image of a folder by what its masks may be called."""
    return _by_key(images, IMAGE_ENDINGS)


def names_of(mask: Path, folder: Path) -> list[str]:
    """What the image of a mask may be called: as `by_key` has it."""
    return _keys(os.fspath(mask), folder, MASK_ENDINGS)


def _keys(path: str, folder: Path, endings: Sequence[str]) -> list[str]:
    """What a file may be called by: its path below `folder` without suffix, then also without one of `endings`."""
    whole = _fold(os.path.splitext(os.path.relpath(path, folder))[0])  # noqa: PTH122 - speed
    return [whole, *(whole.removesuffix(ending) for ending in endings if whole.endswith(ending))]


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", name.replace("\\", "/")).casefold()


def voc_lists(top: Path) -> dict[Split, list[str]]:
    """Names of the images of every split: ImageSets/Segmentation/train.txt, val.txt, test.txt; else one other list."""
    folder = top / "ImageSets" / "Segmentation"
    files = sorted(folder.glob("*.txt")) if folder.is_dir() else []
    named = {split: path for path in files if (split := split_of(path.stem))}
    if "train" not in named and "val" not in named:
        others = [path for path in files if split_of(path.stem) is None]
        named |= {"train": others[0]} if others else {}
    return {split: _words(named[split]) for split in ORDER if split in named}


def _words(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    return [line.split()[0] for line in lines if line.strip()]


def order_files(source: Path) -> dict[Path, Split | None]:
    """The file itself, or those of a folder that list pairs: named like splits, or one alone."""
    if source.is_file():
        return {source: None} if source.suffix.lower() in TABLES and _lists_pairs(source) else {}
    files = sorted(p for p in source.iterdir() if p.suffix.lower() in TABLES and p.is_file())
    listing: dict[Path, Split | None] = {path: split_of(path.stem) for path in files if _lists_pairs(path)}
    named = {path: split for path, split in listing.items() if split is not None}
    return dict(named) if named else listing if len(listing) == 1 else {}


def _lists_pairs(path: Path) -> bool:
    """Whether the first lines lead to two files each."""
    try:
        first = next(_rows(path, HEAD), None)
    except (DataError, UnicodeDecodeError):
        return False
    if first is None:
        return False
    files = ImageFiles(path.parent)
    return files.find(first[0]) is not None and files.find(first[1]) is not None


def _rows(path: Path, limit: int | None = None) -> Iterator[tuple[str, str, Split | None]]:
    """Image, mask and split of the first `limit` lines, or of all."""
    if path.suffix.lower() == ".txt":
        for line in path.read_text(encoding="utf-8-sig").splitlines():
            cells = line.replace(",", " ").split()
            if len(cells) == 2 and all(Path(cell).suffix.lower() in IMAGE_SUFFIXES for cell in cells):
                yield cells[0], cells[1], None
            elif cells:
                raise DataError(f"{path}: line {line!r}; expected an image and its mask, with a space between them.")
        return
    table = read_delimited(path, limit)
    named = {name.strip().lower(): [str(cell or "") for cell in cells] for name, cells in table.columns.items()}
    images, masks, splits = (
        next((named[name] for name in names if name in named), None)
        for names in (IMAGE_COLUMNS, MASK_COLUMNS, SPLIT_COLUMNS)
    )
    if images is not None and masks is not None:
        for number, (image, mask) in enumerate(zip(images, masks, strict=True)):
            yield image, mask, split_of(splits[number]) if splits is not None else None


def listed(files: Mapping[Path, Split | None]) -> list[Pair]:
    """All pairs of the order files. DataError naming the file and the entry that leads nowhere."""
    pairs = []
    for path, split in files.items():
        found = ImageFiles(path.parent)
        for image, mask, own in _rows(path):
            both = [found.find(image), found.find(mask)]
            if both[0] is None or both[1] is None:
                missing = image if both[0] is None else mask
                raise DataError(f"{path}: there is no file {missing!r}. Paths count from the folder of the list.")
            pairs.append(Pair(Path(both[0]), Path(both[1]), own or split or "train"))
    return pairs

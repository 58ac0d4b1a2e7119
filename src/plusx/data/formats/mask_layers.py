"""Several classes a pixel: a folder of masks for every class, in each of which a mask says where that class is."""

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from plusx.core.errors import DataError, unknown
from plusx.core.masks import VOID
from plusx.data.formats.classes import class_name, natural_order
from plusx.data.formats.folders import Walk, direct_images, unwrapped, visible_folders
from plusx.data.formats.format import FORMATS, Entries, Entry, Format, counted, shown
from plusx.data.formats.mask_faults import MaskFaults
from plusx.data.formats.mask_folders import Place, by_key, matches, names_of, places
from plusx.data.formats.options import ReadOptions
from plusx.data.formats.splits import split_of
from plusx.data.masks import MaskFile, MaskLayers, Values, read_values, value_counts
from plusx.data.sizes import read_size

LAYOUT = "several classes a pixel, a folder of masks a class: DATA/images/1.jpg, DATA/masks/cell/1.png"


def recognise(source: Any, options: ReadOptions) -> bool:
    """Folders of masks that are called like images, in a folder of masks beside a folder of images."""
    if not isinstance(source, (str, os.PathLike)) or options.kind not in (None, "masks"):
        return False
    path = Path(source)
    found = places(unwrapped(path, Walk())) if path.is_dir() else []
    return any(_layered(place) for place in found)


def _layered(place: Place) -> bool:
    if not place.masks.is_dir() or direct_images(place.masks):
        return False
    folders = [folder for folder in visible_folders(place.masks) if split_of(folder.name) is None]
    return any(matches(Place(place.images, folder, place.split)) for folder in folders)


def read(source: Any, options: ReadOptions) -> Entries:
    """The folders are the classes, in natural order. An image without a file in one of them has none of that class.

    DataError for an image without a file in any, a mask without an image, one of another size than its image, and one
    that cannot be read or holds more than one value beside 0.
    """
    path, walk = Path(source), Walk()
    found = places(unwrapped(path, walk))
    folders = [{class_name(folder.name): folder for folder in visible_folders(place.masks)} for place in found]
    classes = options.classes or tuple(natural_order({name for named in folders for name in named}))
    _check_known(folders, classes)
    notes = [*walk.remarks]
    faults = MaskFaults(path, options)
    placed = [(place, _masks(place, named, faults)) for place, named in zip(found, folders, strict=True)]
    codings = _codings([masks for _, by_image in placed for masks in by_image.values()], classes)
    entries = [
        Entry(image, target, faults.name(image), place.split)
        for place, by_image in placed
        for image, masks in _annotated(place, by_image, notes, faults)
        for target in faults.kept(image, lambda image=image, masks=masks: _target(image, masks, classes, codings))
    ]
    notes += _absent(placed, classes)
    return Entries(entries, "masks", classes, root=path, notes=tuple(notes), findings=tuple(faults.findings))


def _check_known(folders: Sequence[Mapping[str, Path]], classes: tuple[str, ...]) -> None:
    for named in folders:
        strange = next((name for name in named if name not in classes), None)
        if strange is not None:
            raise DataError(f"{named[strange]}: {unknown('class', strange, classes)}")


def _masks(place: Place, folders: Mapping[str, Path], faults: MaskFaults) -> dict[Path, dict[str, Path]]:
    """Image → its mask of each class that has one. DataError for a mask without an image."""
    images = by_key(place.images)
    found: dict[Path, dict[str, Path]] = {image: {} for image in dict.fromkeys(images.values())}
    for name, folder in folders.items():
        for mask in map(Path, Walk().images(folder)):
            image = next((images[key] for key in names_of(mask, folder) if key in images), None)
            if image is None:
                faults.masks(place, [mask])
                continue
            other = found[image].setdefault(name, mask)
            if other != mask:
                raise DataError(f"{other} and {mask} both belong to {image.name}; keep one of them.")
    return found


def _annotated(
    place: Place, masks: Mapping[Path, dict[str, Path]], notes: list[str], faults: MaskFaults
) -> Iterator[tuple[Path, dict[str, Path]]]:
    """Images with a mask of any class. Without one an image is a fault, but in a test split."""
    without = [image for image, own in masks.items() if not own]
    if place.split != "test":
        faults.layers(place, without)
    elif without:
        names = shown([image.name for image in without])
        what = f"{counted(len(without), 'image')} in {place.images} without a mask of any class: {names}"
        notes.append(f"{what}; left out")
    yield from ((image, own) for image, own in masks.items() if own)


def _codings(masks: Sequence[Mapping[str, Path]], classes: tuple[str, ...]) -> dict[str, Values]:
    """What stands for each class: the one value beside 0 in all its masks. With two of them 255 is void."""
    files = [(name, path) for own in masks for name, path in own.items()]
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        held = list(pool.map(lambda file: frozenset(value_counts(read_values(file[1]))), files))
    found: dict[str, Values] = {}
    for name in classes:
        own = [(path, values) for (of, path), values in zip(files, held, strict=True) if of == name]
        values = frozenset().union(*(values for _, values in own)) - {0}
        if len(values - {VOID}) > 1:
            raise DataError(_several(name, own))
        if len(values) > 1 and not any(values <= one for _, one in own):
            raise DataError(_two_codings(name, own))
        meant = next(iter(values - {VOID}), VOID)
        found[name] = Values(((0, 0), (meant, 1)))
    return found


def _several(name: str, masks: Sequence[tuple[Path, frozenset[int]]]) -> str:
    path, values = max(masks, key=lambda pair: len(pair[1]))
    listed = shown([str(value) for value in sorted(values)])
    return (
        f"The masks of class {name} hold several values beside 0, e.g. {path}: {listed}. Expected one that stands for "
        f"the class, and {VOID} for void. Masks that were resized with interpolation or saved as JPEG have soft edges."
    )


def _two_codings(name: str, masks: Sequence[tuple[Path, frozenset[int]]]) -> str:
    """255 is the class in some masks, another value in others."""
    path = next(path for path, values in masks if VOID in values)
    other, values = next((path, values) for path, values in masks if values - {0, VOID})
    value = next(iter(values - {0, VOID}))
    return (
        f"The masks of class {name} say it in two ways: {other} with {value}, {path} with {VOID}. Give all of them one "
        f"value for the class; {VOID} beside it in the same mask is void."
    )


def _target(
    image: Path, masks: Mapping[str, Path], classes: tuple[str, ...], codings: Mapping[str, Values]
) -> MaskLayers:
    """DataError for a mask of another size than its image."""
    sizes = {path: read_size(path)[:2] for path in masks.values()}
    try:
        size = read_size(image)[:2]
    except DataError:  # which the audit says better
        size = next(iter(sizes.values()))
    for path, own in sizes.items():
        if own != size:
            raise DataError(
                f"{path}: the mask has {own[1]}×{own[0]} pixels, its image {image} has {size[1]}×{size[0]}; they must "
                "be equal. Export the masks in the size of their images."
            )
    layers = (MaskFile(masks[name], codings[name]) if name in masks else None for name in classes)
    return MaskLayers(tuple(layers), size)


def _absent(placed: Sequence[tuple[Place, Mapping[Path, Mapping[str, Path]]]], classes: tuple[str, ...]) -> list[str]:
    """How many images have no file in the folder of a class."""
    annotated = [own for _, by_image in placed for own in by_image.values() if own]
    counts = {name: sum(name not in own for own in annotated) for name in classes}
    told = [f"{name} {count}" for name, count in counts.items() if count]
    return (
        [f"of {len(annotated)} images so many have no file for a class, so none of it: {', '.join(told)}"]
        if told
        else []
    )


FORMATS.register("mask layers")(Format(recognise, read, LAYOUT, rank=-2))

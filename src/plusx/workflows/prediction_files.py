"""Predictions as files of other tools: a data set in COCO's or YOLO's form, GeoJSON. Needs no torch."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np

from plusx.core.errors import DataError, InputError, StorageError
from plusx.core.prediction import Box, BoxesPrediction, MaskPrediction, Prediction
from plusx.core.targets import Boxes
from plusx.data.boxes_out.placed import Placed, free_name, place, write_small
from plusx.data.boxes_out.write import WRITERS, Written
from plusx.data.geojson import collection
from plusx.data.masks_out.coco import Regions
from plusx.data.sizes import read_size
from plusx.workflows.sources import Unreadable

SPLIT = "train"
"""What is read again is a data set like any other, of one split."""


@dataclass(frozen=True)
class Files:
    """`writer` puts predictions of a model with these classes into the directory `out`; it gives lines to print."""

    out: Path
    writer: Callable[[Iterator[Prediction], Path, tuple[str, ...]], list[str]]

    def write(self, results: Iterable[Prediction | Unreadable], classes: tuple[str, ...]) -> Iterator[str]:
        """DataError for an image that is in no file, StorageError where the disk refuses."""
        yield from self.writer((one for one in results if isinstance(one, Prediction)), self.out, classes)


def files_for(to: str, task: str, out: Path | None) -> Files:
    """`to`: "coco", "yolo" or "geojson". InputError where the task has nothing for it, or `out` is no place for it."""
    if (to, task) not in _WRITERS:
        those = [kind for form, kind in _WRITERS if form == to]
        others = [form for form, kind in _WRITERS if kind == task] or ["table", "json", "csv"]
        raise InputError(
            f"--format {to} is for the task {' or '.join(those)}; the model's is {task}. Use --format "
            f"{' or '.join(others)}."
        )
    if out is None:
        raise InputError(f"--format {to} writes files. Give the directory to write them to: --out DIR")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} exists and is not empty. Give another --out, or delete it.")
    return Files(out, _WRITERS[to, task])


def _geojson(predictions: Iterator[Prediction], out: Path, classes: tuple[str, ...]) -> list[str]:
    """NAME.geojson for every image."""
    taken: set[str] = set()
    features = 0
    for one in predictions:
        assert isinstance(one, BoxesPrediction | MaskPrediction)
        content = collection(one)
        features += len(content["features"])
        out.mkdir(parents=True, exist_ok=True)
        write_small(out / _free_name(one, taken, ".geojson"), json.dumps(content, ensure_ascii=False) + "\n")
    return _told(out, "geojson", len(taken), f"{features} features")


def _placed(predictions: Iterator[Prediction], to: Written, out: Path) -> Iterator[tuple[Prediction, Placed]]:
    """Each with its image, linked or else copied into `out`, as yet without boxes."""
    taken: set[str] = set()
    folder = out / WRITERS[to].folder(SPLIT)
    for one in predictions:
        path = Path(one.name)
        if not path.is_file():
            raise DataError(
                f"{one.name} is in no file here, and --format {to} makes a data set of files. Use --format json."
            )
        height, width, _ = read_size(path)
        name = _free_name(one, taken)
        image = Placed(name, name, SPLIT, (height, width), Boxes.of([], []), path)
        try:
            place(image, folder, "link")
        except StorageError:  # a system without links
            place(image, folder, "copy")
        yield one, image


def _free_name(prediction: Prediction, taken: set[str], suffix: str | None = None) -> str:
    """The image's, with another `suffix` where one is given."""
    path = Path(re.sub(r'[:*?"<>|\\\x00-\x1f]', "_", prediction.name))
    path = path if suffix is None else path.with_suffix(suffix)
    return free_name(path, str(path.relative_to(path.anchor)), taken)


def _boxes(to: Written, predictions: Iterator[Prediction], out: Path, classes: tuple[str, ...]) -> list[str]:
    """A data set with scores beside its boxes."""
    index = {name: number for number, name in enumerate(classes)}
    images: list[Placed] = []
    flat = 0
    for one, image in _placed(predictions, to, out):
        assert isinstance(one, BoxesPrediction)
        found = [box for box in one.boxes if _has_area(box)]
        boxes = Boxes.of([(box.x1, box.y1, box.x2, box.y2) for box in found], [index[box.label] for box in found])
        images.append(replace(image, boxes=boxes, scores=tuple(box.score for box in found)))
        flat += len(one.boxes) - len(found)
    notes = WRITERS[to].write(images, classes, out) if images else []
    notes += [f"{flat} boxes without area left out"] if flat else []
    return [*notes, *_told(out, to, len(images), f"{sum(len(image.boxes) for image in images)} boxes")]


def _has_area(box: Box) -> bool:
    """In single precision, which data sets are read in."""
    x1, y1, x2, y2 = np.array([box.x1, box.y1, box.x2, box.y2], np.float32)
    return bool(x2 > x1 and y2 > y1)


def _masks(predictions: Iterator[Prediction], out: Path, classes: tuple[str, ...]) -> list[str]:
    """A data set of connected regions."""
    regions = Regions(classes)
    for one, image in _placed(predictions, "coco", out):
        assert isinstance(one, MaskPrediction)
        regions.add(image.file, one.mask)
    if regions.images:
        regions.write(out, SPLIT)
    return _told(out, "coco", len(regions.images), f"{len(regions.annotations)} regions")


def _told(out: Path, to: str, images: int, things: str) -> list[str]:
    return [f"{images} images, {things}", f"Written to {out} ({to})"] if images else ["Nothing was written."]


_WRITERS: Final = MappingProxyType(
    {
        ("coco", "detect"): partial(_boxes, "coco"),
        ("yolo", "detect"): partial(_boxes, "yolo"),
        ("geojson", "detect"): _geojson,
        ("coco", "segment"): _masks,
        ("geojson", "segment"): _geojson,
    }
)

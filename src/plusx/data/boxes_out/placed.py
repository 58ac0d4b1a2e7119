"""The images of a data set that is written: where each goes and under which name. Needs no torch."""

import os
import shutil
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from plusx.core.errors import DataError, StorageError
from plusx.core.sample import Listing
from plusx.core.targets import Boxes
from plusx.data.sizes import read_size

Placing: TypeAlias = Literal["copy", "link", "none"]


@dataclass(frozen=True)
class Placed:
    """One image. `name`: its file name in what is written, its stem there once; `file`: what annotations call it,
    `name` below the folder of images, or the path in the source where images are not placed. `scores`: 0..1, one a box
    that was predicted; None where boxes are true."""

    name: str
    file: str
    split: str
    size: tuple[int, int]  # height, width
    boxes: Boxes
    source: Path
    scores: tuple[float, ...] | None = None


def placed(listing: Listing, placing: Placing) -> Iterator[Placed]:
    """All images in order, with names of which the stem occurs once over all splits.

    DataError for images in memory, of unreadable size, or with names that annotation files cannot hold.
    """
    taken: set[str] = set()
    for split, samples in listing.splits.items():
        for sample in samples:
            boxes, path = sample.target, sample.image
            assert isinstance(boxes, Boxes)
            if not isinstance(path, Path):
                raise DataError(f"{sample.name} is an image in memory; expected one in a file, which can be copied.")
            if any(ord(letter) < 32 for letter in sample.name):
                raise DataError(f"{sample.name!r}: a name with a line break or another control character. Rename it.")
            height, width, _ = read_size(path)
            name = free_name(path, sample.name, taken)
            yield Placed(name, sample.name if placing == "none" else name, split, (height, width), boxes, path)


def free_name(path: Path, name: str, taken: set[str]) -> str:
    """`a.jpg`; if that is `taken`, which it then is, `folder_a.jpg` as `name` has it; if that is too, with a number.

    It never leads out of the folder that it is written to: `/home/a.jpg` becomes `home_a.jpg`.
    """
    whole = Path(name)
    long = "_".join([*(part for part in whole.parent.parts if part not in (whole.anchor, "..")), whole.stem])
    stems = [path.stem.strip(), long.strip(), *(f"{path.stem.strip()}_{number}" for number in range(2, len(taken) + 3))]
    stem = next(stem for stem in stems if _folded(stem) not in taken)
    taken.add(_folded(stem))
    return f"{stem}{path.suffix}"


def _folded(stem: str) -> str:
    return unicodedata.normalize("NFC", stem).casefold()


def place(image: Placed, folder: Path, placing: Placing) -> None:
    """Copies or links the file into `folder`; the source stays as it is. StorageError where that is not possible."""
    if placing == "none":
        return
    target = folder / image.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if placing == "link":
            target.symlink_to(os.path.realpath(image.source))
        else:
            shutil.copyfile(image.source, target)
    except OSError as error:
        advice = " Use --images copy." if placing == "link" else ""
        raise StorageError(f"{target} could not be written: {error.strerror or error}.{advice}") from error


def write_small(path: Path, text: str) -> None:
    """One of many files, of which none makes the data set: not waited for until it is on the disk."""
    try:
        path.write_text(text, encoding="utf-8")
    except (OSError, UnicodeEncodeError) as error:
        raise StorageError(f"{path} could not be written: {error}.") from error


def decimal(value: np.float32) -> float:
    """The shortest decimal that is this single-precision number: 253.67, not 253.6699981689453."""
    return float(str(value))


def corners_of(boxes: Boxes) -> list[tuple[float, float, float, float]]:
    """x1, y1, x2, y2 of every box."""
    rows = ([decimal(value) for value in row] for row in boxes.corners)
    return [(x1, y1, x2, y2) for x1, y1, x2, y2 in rows]


def written(value: float, digits: int) -> str:
    """With at most so many decimals, without trailing zeros or an exponent."""
    text = f"{value:.{digits}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text

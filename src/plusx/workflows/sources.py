"""Images to predict on: what the user names, found and read with only a few in memory at a time. Needs no torch."""

import glob
import itertools
import os
import re
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias
from urllib.parse import unquote, urlsplit

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from plusx.core.errors import DataError, InputError
from plusx.core.sample import ImageSource
from plusx.data.images import printable, read_image
from plusx.data.shards import manifest

Images: TypeAlias = Any
"""A file, folder, pattern or file: URL; an image in memory (array, stack of arrays, PIL image); or many of these."""

HELD_BYTES = 2**28
"""Reading runs ahead of prediction until this much waits."""

_URL = re.compile(r"[a-z][a-z0-9+.-]+:", re.IGNORECASE)
"""How an address begins; two letters at least, since C: is a drive."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands in the results for an image that could not be read, and says why."""

    name: str
    reason: str

    def to_json(self) -> dict[str, str]:
        return {"image": self.name, "error": self.reason}


@dataclass(frozen=True, slots=True)
class Named:
    """An image not yet read. `name` can always be printed."""

    name: str
    source: ImageSource


@dataclass(frozen=True, slots=True)
class Read:
    """A decoded image: `pixels` is uint8 H, W, C."""

    name: str
    pixels: NDArray[np.uint8]


def find_images(images: Images) -> Iterator[Named | Unreadable]:
    """All images that `images` stands for, in its order; folders and patterns sorted.

    What leads to no image is Unreadable when it is one of several things, and an InputError when it is the only one.
    """
    while isinstance(images, (list, tuple)) and len(images) == 1:
        images = images[0]
    found = _search(images, itertools.count())
    for first in itertools.islice(found, 1):
        if isinstance(first, Unreadable) and isinstance(images, (str, os.PathLike)):
            raise InputError(f"{first.name}: {first.reason}")
        yield first
    yield from found


def _search(images: Images, numbers: Iterator[int]) -> Iterator[Named | Unreadable]:
    """`numbers` counts the images in memory, which have no other name."""
    match images:
        case str():
            yield from _of_text(images)
        case os.PathLike():
            yield from _of_path(os.fspath(images))
        case ImageFile.ImageFile() if isinstance(images.filename, str) and images.filename:
            yield Named(printable(images.filename), images)
        case np.ndarray() if images.ndim == 4:
            yield from (Named(f"image[{next(numbers)}]", image) for image in images)
        case np.ndarray() | Image.Image() | bytes():
            yield Named(f"image[{next(numbers)}]", images)
        case Iterable():
            for one in images:
                yield from _search(one, numbers)
        case _:
            yield Named(f"image[{next(numbers)}]", images)  # read_image says what it cannot read


def _of_text(text: str) -> Iterator[Named | Unreadable]:
    """A path as it stands comes first: names may hold any of the letters that patterns and addresses use."""
    if os.path.lexists(text):
        yield from _of_path(text)
    elif text.lower().startswith("file:"):
        yield from _of_path(_path_of_url(text))
    elif _URL.match(text) and ("://" in text or text.startswith("data:")):
        raise InputError(
            f"{text}: plusx opens no network address. Download the image and give its path, or file:///path."
        )
    elif any(letter in text for letter in "*?["):
        matches = sorted(glob.glob(text, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern
        if not matches:
            yield Unreadable(printable(text), "no file matches this pattern.")
        for path in matches:
            yield from _of_path(path)
    else:
        yield from _of_path(text)


def _path_of_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost"):
        raise InputError(
            f"{url}: a file on the host {parts.netloc!r} cannot be opened. Write file:///path for a file here."
        )
    return unquote(parts.path)


def _of_path(path: str) -> Iterator[Named | Unreadable]:
    """A file whatever its name; of a folder the images in it, at any depth, without hidden files; those in shards."""
    if os.path.isfile(os.path.join(path, manifest.NAME)):  # noqa: PTH113, PTH118 - speed
        yield from _of_shards(path)
        return
    if not os.path.isdir(path):  # noqa: PTH112 - speed
        if os.path.lexists(path):
            yield Named(printable(path), Path(path))
        else:
            yield Unreadable(printable(path), "there is no such file or folder. Check the path.")
        return
    empty = True
    try:
        from plusx.data.formats.folders import Walk  # not for one photo, whose answer would wait for it

        for file in Walk().images(Path(path)):
            empty = False
            yield Named(printable(file), Path(file))
    except OSError as error:
        yield Unreadable(printable(error.filename or path), f"the folder could not be read: {error.strerror}.")
        return
    if empty:
        yield Unreadable(printable(path), "there is no image in this folder. Expected files such as .jpg or .png.")


def _of_shards(path: str) -> Iterator[Named]:
    """The images of shards that `plusx shard` wrote, called as in the data that they were made of."""
    from plusx.data.formats.read import read  # all formats: a tenth of a second

    for samples in read(path).splits.values():
        yield from (Named(printable(sample.name), sample.image) for sample in samples)


def read_ahead(
    found: Iterator[Named | Unreadable], mode: Literal["RGB", "L"], *, threads: int, ahead: int
) -> Iterator[Read | Unreadable]:
    """The images decoded, in their order, by `threads` that stay up to `ahead` images in front; 0: none."""
    if threads == 0:
        yield from (_read(one, mode) for one in found)
        return
    pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")
    waiting: deque[Future[Read | Unreadable]] = deque()
    try:
        for one in found:
            waiting.append(pool.submit(_read, one, mode))
            while len(waiting) >= ahead or _held(waiting) > HELD_BYTES:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _held(waiting: Iterable[Future[Read | Unreadable]]) -> int:
    """Bytes of the images that are decoded and wait."""
    done = (future.result() for future in waiting if future.done() and not future.exception())
    return sum(one.pixels.nbytes for one in done if isinstance(one, Read))


def _read(one: Named | Unreadable, mode: Literal["RGB", "L"]) -> Read | Unreadable:
    if isinstance(one, Unreadable):
        return one
    try:
        return Read(one.name, read_image(one.source, mode))
    except DataError as error:
        return Unreadable(one.name, str(error).removeprefix(f"{one.name}: "))

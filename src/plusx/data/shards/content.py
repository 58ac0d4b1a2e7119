"""What becomes of one sample in a shard: the members of its files, under a key that no other has."""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from PIL import Image

from plusx.core.errors import DataError
from plusx.core.masks import LazyMask, Mask
from plusx.core.sample import Sample
from plusx.core.targets import Label, Target
from plusx.data.images import IMAGE_SUFFIXES, read_image
from plusx.data.inspection.facts import UNREADABLE, Facts, inspect_memory
from plusx.data.shards.labels import text_of

MASK: Final = "mask.png"
_ENDINGS: Final = {"JPEG": "jpg", "WEBP": "webp", "BMP": "bmp", "TIFF": "tif", "GIF": "gif", "PPM": "ppm"}


@dataclass(frozen=True)
class Content:
    """An image and what is known of it. extension: of its file, without a dot; mask: a PNG of class indices, or b""."""

    image: bytes
    extension: str
    facts: Facts
    label: str
    mask: bytes = b""


def content_of(sample: Sample, classes: Sequence[str]) -> Content | str:
    """Why the image cannot be read, if it cannot. DataError for a mask, or a function of the user's, that fails."""
    try:
        data, extension = _file(sample)
    except OSError as error:
        return error.strerror or str(error)
    facts = inspect_memory(data)
    if facts.problem in UNREADABLE:
        return facts.detail
    return Content(data, extension, facts, text_of(sample.target, classes), _mask(sample.target))


def _file(sample: Sample) -> tuple[bytes, str]:
    """The bytes of the image's file and its extension; what is no file becomes PNG."""
    source: Any = sample.image
    try:
        while callable(source):
            source = source()
    except Exception as error:  # functions of the user's own data set may raise anything
        raise DataError(f"Image {sample.name} could not be read: {error}") from error
    if isinstance(source, Path):
        return source.read_bytes(), source.suffix.lower().removeprefix(".")
    if isinstance(source, bytes):
        return source, _extension(source, sample.name)
    file = io.BytesIO()
    pixels = read_image(source)
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue(), "png"


def _extension(data: bytes, name: str) -> str:
    own = PurePosixPath(name).suffix.lower()
    if own in IMAGE_SUFFIXES:
        return own.removeprefix(".")
    try:
        with Image.open(io.BytesIO(data)) as image:
            return _ENDINGS.get(image.format or "", "png")
    except Exception:  # what it is, the reading says
        return "png"


def _mask(target: Target | None) -> bytes:
    loaded = target.load() if isinstance(target, LazyMask) else target
    if not isinstance(loaded, Mask):
        return b""
    file = io.BytesIO()
    Image.fromarray(loaded.values).save(file, "PNG")
    return file.getvalue()


def label_members(sample: Sample, content: Content) -> dict[str, bytes]:
    """Extension → content of what stands beside the image: an index in .cls as WebDataset has it, all else in .json."""
    members: dict[str, bytes] = {}
    about: dict[str, Any] = json.loads(content.label) if content.label.startswith("{") else {}
    if isinstance(sample.target, Label):
        members["cls"] = str(sample.target.index).encode()
        about = {}
    if sample.group is not None:
        about["group"] = sample.group
    if about:
        members["json"] = json.dumps(about, ensure_ascii=False).encode("utf-8", "surrogateescape")
    if content.mask:
        members[MASK] = content.mask
    return members


def key_of(name: str, taken: set[str]) -> str:
    """The name without its ending, as WebDataset's reader needs it: no dot in the last part, none twice in a shard."""
    path = name.replace("\\", "_").lstrip("/")
    folder, slash, file = path.rpartition("/")
    stem, dot, ending = file.rpartition(".")
    file = stem if dot and f".{ending.lower()}" in IMAGE_SUFFIXES else file
    safe = "/".join(part.replace("..", "__") for part in folder.split("/"))
    key = first = f"{safe}{slash}{file.replace('.', '_').lstrip('_') or '_'}"
    number = 2
    while key in taken:
        key, number = f"{first}-{number}", number + 1
    taken.add(key)
    return key

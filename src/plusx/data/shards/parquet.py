"""Parquet files of images: a column `image` of file contents and names, as Hugging Face has it, and one of labels.

What is written here is not compressed, for JPEG is already: so the bytes of an image lie in the file as they are, and
are read by their place as from a tar file, without any library. Files of others are read a group of rows at a time.
"""

import hashlib
import io
import json
import struct
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import IO, Any, Final, final

from plusx.core.errors import DataError, MissingExtraError
from plusx.core.sample import Sample
from plusx.data.shards.content import Content
from plusx.data.shards.index import Row
from plusx.data.shards.store import Store
from plusx.data.shards.tar import StoredFile
from plusx.data.shards.write import Form, Rows

GROUP: Final = 100  # rows of a group: what others have to read to get one image
_LABELS: Final = ("label", "labels", "class", "cls", "category", "target", "value")
_PREFIX: Final = 64  # bytes by which an image is looked for, before all of it is compared


def pyarrow(purpose: str) -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError("pyarrow", "shards", purpose) from None
    return pyarrow


@final
class Parquet(Form):
    """A table with the columns image, label (a class name, or JSON), group and mask."""

    def write(self, file: IO[bytes], rows: Rows) -> tuple[list[Row], str]:
        arrow = pyarrow("Writing Parquet")
        picture = arrow.struct([("bytes", arrow.binary()), ("path", arrow.string())])
        schema = arrow.schema(
            [("image", picture), ("label", arrow.string()), ("group", arrow.string()), ("mask", picture)]
        )
        how = {"compression": "NONE", "use_dictionary": False, "write_statistics": False, "column_encoding": None}
        found: list[Row] = []
        target = _Counted(file)
        with arrow.parquet.ParquetWriter(target, schema, **how) as writer:
            for group in _grouped(rows):
                target.group = bytearray()
                start = target.tell()
                writer.write_table(arrow.Table.from_pylist([_record(*one) for one in group], schema))
                found += _located(bytes(target.group), start, group)
        return found, target.digest.hexdigest()


PARQUET: Final = Parquet()


class _Counted(io.RawIOBase):
    """Passes on what is written, keeps the group that is being written, and takes the digest of all."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._size = file, 0
        self.group, self.digest = bytearray(), hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        content = bytes(data)
        self._file.write(content)
        self.digest.update(content)
        self.group += content
        self._size += len(content)
        return len(content)

    def tell(self) -> int:
        return self._size


def _grouped(rows: Rows) -> Iterator[list[tuple[Sample, Content]]]:
    group: list[tuple[Sample, Content]] = []
    for one in rows:
        group.append(one)
        if len(group) == GROUP:
            yield group
            group = []
    if group:
        yield group


def _record(sample: Sample, content: Content) -> dict[str, Any]:
    name = sample.name.encode("utf-8", "backslashreplace").decode()
    return {
        "image": {"bytes": content.image, "path": name},
        "label": content.label,
        "group": sample.group,
        "mask": {"bytes": content.mask, "path": None} if content.mask else None,
    }


def _located(data: bytes, start: int, group: Sequence[tuple[Sample, Content]]) -> list[Row]:
    """Where the images and masks of a group lie: the columns one after the other, each in order."""
    images, place = [], 0
    for _, content in group:
        place = _find(data, content.image, place)
        images.append(place)
    rows, mask_place = [], place
    for (sample, content), place in zip(group, images, strict=True):
        mask = (0, 0)
        if content.mask:
            mask_place = _find(data, content.mask, mask_place)
            mask = (start + mask_place, len(content.mask))
        rows.append(Row(sample.name, start + place, len(content.image), content.label, sample.group or "", mask))
    return rows


def _find(data: bytes, content: bytes, place: int) -> int:
    """PLAIN encoding (Parquet's Encodings.md): the length in four bytes, little-endian, then the bytes."""
    begin = struct.pack("<I", len(content)) + content[:_PREFIX]
    while (place := data.find(begin, place)) >= 0:
        if data[place + 4 : place + 4 + len(content)] == content:
            return place + 4
        place += 1
    raise AssertionError("a Parquet file without compression holds its values as they are")


@final
class ParquetStore(Store):
    """Parquet files of others: `read` takes the number of a row for the place of an image."""

    def __init__(self, store: Store, column: str | None) -> None:
        self._store, self._column = store, column

    def where(self, name: str) -> str:
        return self._store.where(name)

    def names(self) -> list[str]:
        return self._store.names()

    def size(self, name: str) -> int | None:
        return self._store.size(name)

    def stamp(self, name: str) -> str:
        return f"{self._store.stamp(name)} {self._column}"

    def read(self, name: str, offset: int, length: int) -> bytes:
        images, first = _group(self._store, name, self._column, *self._group_of(name, offset))
        content = images[offset - first]
        if content is None:
            raise DataError(f"{self.where(name)}, row {offset}: there is no image.")
        return content

    def _group_of(self, name: str, row: int) -> tuple[int, int]:
        """The group that holds the row, and the number of its first row."""
        metadata, first = _opened(self._store, name).metadata, 0
        for group in range(metadata.num_row_groups):
            count = metadata.row_group(group).num_rows
            if row < first + count:
                return group, first
            first += count
        raise DataError(f"{self.where(name)}: ends before row {row}, which its index knows.")

    def rows(self, name: str, asked: str | tuple[str, ...] | None) -> Iterator[Row]:
        """The labels of all rows; the images are not read."""
        file = _opened(self._store, name)
        schema = file.schema_arrow
        label = asked if isinstance(asked, str) else asked[0] if asked else None
        label = label or next((one for one in _LABELS if one in schema.names), None)
        if label is None or label not in schema.names:
            raise DataError(
                f"{self.where(name)}: no column {label or 'of labels'}; found {', '.join(schema.names)}. Name one with "
                "--label-column."
            )
        image_column(schema, self._column, self.where(name))
        names = _class_names(schema, label)
        for row, value in enumerate(file.read(columns=[label]).column(label).to_pylist()):
            text = _text(names[value] if names and isinstance(value, int) and 0 <= value < len(names) else value)
            yield Row(f"{name.removesuffix('.parquet')}[{row}]", row, 0, text)


def _text(label: Any) -> str:
    """As it would stand beside an image in a tar file."""
    if label is None or isinstance(label, str):
        return label or ""
    return json.dumps({"labels": label} if isinstance(label, list) else label, ensure_ascii=False)


def image_column(schema: Any, asked: str | None, where: str) -> str:
    """The column with the bytes of image files: the one that is asked for, or the first that can be one."""
    arrow = pyarrow("Reading Parquet")
    fits = [field.name for field in schema if _holds_bytes(arrow, field.type)]
    if not fits or (asked is not None and asked not in fits):
        raise DataError(
            f"{where}: no column {asked or 'of images'} that holds the bytes of image files; found "
            f"{', '.join(schema.names)}. Tables that name image files are read from a folder on this machine."
        )
    return asked or fits[0]


def _holds_bytes(arrow: Any, kind: Any) -> bool:
    types = arrow.types
    if types.is_struct(kind):
        return any(field.name == "bytes" and _holds_bytes(arrow, field.type) for field in kind)
    return types.is_binary(kind) or types.is_large_binary(kind)


def _class_names(schema: Any, label: str) -> list[str] | None:
    """As Hugging Face writes them into the file."""
    try:
        features = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))["info"]["features"]
        return features[label].get("names")
    except (KeyError, ValueError, TypeError, AttributeError):
        return None


@lru_cache(maxsize=16)
def _opened(store: Store, name: str) -> Any:
    arrow = pyarrow("Reading Parquet")
    try:
        return arrow.parquet.ParquetFile(arrow.PythonFile(StoredFile(store, name), mode="r"))
    except arrow.ArrowException as error:
        raise DataError(f"{store.where(name)}: no Parquet file that can be read ({error}).") from error


@lru_cache(maxsize=3)
def _group(store: Store, name: str, asked: str | None, group: int, first: int) -> tuple[list[bytes | None], int]:
    """The images of a group of rows, and the number of the first."""
    file = _opened(store, name)
    column = image_column(file.schema_arrow, asked, store.where(name))
    found = file.read_row_group(group, columns=[column]).column(column).to_pylist()
    return [one["bytes"] if isinstance(one, dict) else one for one in found], first

"""Index of a shard: where each image lies in it and what it is labelled with. Kept beside the shard as NAME.index."""

import io
import json
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from plusx.core.errors import DataError

VERSION: Final = 1


class Row(NamedTuple):
    """One image. offset, length: of its file's bytes in the shard; `mask`: those of its mask, or 0, 0.

    label: the class name, or JSON (`data.shards.labels`). name: as reports call it.
    """

    name: str
    offset: int
    length: int
    label: str
    group: str = ""
    mask: tuple[int, int] = (0, 0)


class Texts(Sequence[str]):
    """Many texts in one array of bytes."""

    def __init__(self, blob: NDArray[np.uint8], ends: NDArray[np.int64]) -> None:
        self.blob, self.ends = blob, ends

    @classmethod
    def of(cls, texts: Iterable[str]) -> Self:
        parts = [text.encode("utf-8", "surrogateescape") for text in texts]
        ends = np.cumsum([len(part) for part in parts], dtype=np.int64)
        return cls(np.frombuffer(b"".join(parts), np.uint8), ends)

    @classmethod
    def joined(cls, many: Sequence["Texts"]) -> Self:
        before = np.cumsum([0, *(len(one.blob) for one in many[:-1])])
        ends = [one.ends + start for one, start in zip(many, before.tolist(), strict=True)]
        return cls(np.concatenate([one.blob for one in many]), np.concatenate(ends))

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        begin = int(self.ends[index - 1]) if index else 0
        return self.blob[begin : int(self.ends[index])].tobytes().decode("utf-8", "surrogateescape")


@dataclass(frozen=True, eq=False)
class Index:
    """The rows of one shard, N of them. `about`: what the shard was when it was written: `bytes`, `sha256`, ..."""

    offsets: NDArray[np.int64]
    lengths: NDArray[np.int64]
    masks: NDArray[np.int64]  # (N, 2)
    names: Texts
    labels: Texts
    groups: Texts
    about: dict[str, Any]

    def __len__(self) -> int:
        return len(self.offsets)

    @classmethod
    def of(cls, rows: Sequence[Row], **about: Any) -> Self:
        numbers = np.array([(row.offset, row.length, *row.mask) for row in rows], np.int64).reshape(-1, 4)
        names, labels, groups = (Texts.of(getattr(row, field) for row in rows) for field in ("name", "label", "group"))
        return cls(numbers[:, 0].copy(), numbers[:, 1].copy(), numbers[:, 2:].copy(), names, labels, groups, about)

    def to_bytes(self) -> bytes:
        """The same bytes for the same index."""
        texts = {"names": self.names, "labels": self.labels, "groups": self.groups}
        arrays: dict[str, Any] = {f"{name}_blob": one.blob for name, one in texts.items()}
        arrays |= {f"{name}_ends": one.ends for name, one in texts.items()}
        about = json.dumps({"version": VERSION, **self.about}, sort_keys=True)
        file = io.BytesIO()
        np.savez(
            file,
            about=np.frombuffer(about.encode(), np.uint8),
            offsets=self.offsets,
            lengths=self.lengths,
            masks=self.masks,
            **arrays,
        )
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes, where: str) -> Self:
        """DataError, which calls the file `where`, if it is no such index."""
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as found:
                about = json.loads(found["about"].tobytes())
                if about.pop("version") != VERSION:
                    raise DataError(f"{where} was written by another version of plusx. Write the shards again.")
                names, labels, groups = (
                    Texts(found[f"{name}_blob"], found[f"{name}_ends"]) for name in ("names", "labels", "groups")
                )
                return cls(found["offsets"], found["lengths"], found["masks"], names, labels, groups, about)
        except (ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(
                f"{where} is damaged: no index of a shard ({error}). Copy it again, or write the shards again."
            ) from error

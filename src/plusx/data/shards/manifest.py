"""The manifest of a directory of shards: what it holds and by what it is known to be whole."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self, get_args

from plusx.core.errors import DataError
from plusx.core.sample import Kind

NAME: Final = "shards.json"
INDEX: Final = ".index"
FACTS: Final = ".facts"
_FORMAT: Final = "plusx shards"


@dataclass(frozen=True)
class Shard:
    """One file of shards: of which split, how many images, and its content."""

    name: str
    split: str
    images: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """`unreadable`: the images that were left out, and why. `source`: a digest of what the shards are made of."""

    kind: Kind
    classes: tuple[str, ...]
    source: str
    finished: bool
    plusx: str
    shards: tuple[Shard, ...] = ()
    unreadable: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    def images(self) -> dict[str, int]:
        """Of every split."""
        found: dict[str, int] = {}
        for shard in self.shards:
            found[shard.split] = found.get(shard.split, 0) + shard.images
        return found

    def to_text(self) -> str:
        about = asdict(self)
        return json.dumps({"format": _FORMAT, "images": self.images(), **about}, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_bytes(cls, data: bytes, where: str) -> Self:
        """DataError, which calls the file `where`, for another file and for one of shards that are not finished."""
        try:
            found: dict[str, Any] = json.loads(data)
            if found.pop("format") != _FORMAT or found["kind"] not in get_args(Kind):
                raise ValueError(f"format {found.get('kind')!r}")
            found.pop("images")
            shards = tuple(Shard(**one) for one in found.pop("shards"))
            lists: dict[str, Any] = {name: tuple(found.pop(name)) for name in ("classes", "notes")}
            left_out = tuple((name, why) for name, why in found.pop("unreadable"))
            return cls(shards=shards, unreadable=left_out, **lists, **found)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{where} is no manifest of shards ({error}). Write the shards again.") from error


def is_whole(path: Path, size: int, sha256: str) -> bool:
    """Whether the file is there with this content."""
    try:
        if path.stat().st_size != size:
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except OSError:
        return False

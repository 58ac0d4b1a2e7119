"""What the audit found in each image of a shard when it was written, so that it need not be read again."""

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

from plusx.data.inspection.cache import READER
from plusx.data.inspection.facts import Facts

_BYTES = frozenset(field.name for field in fields(Facts) if field.type is bytes)


def to_bytes(found: Sequence[Facts]) -> bytes:
    """The first line names the reader, for another one may find other facts."""
    lines = [json.dumps({"reader": READER}), *(json.dumps(asdict(one), default=bytes.hex) for one in found)]
    return "".join(f"{line}\n" for line in lines).encode()


def from_bytes(data: bytes) -> list[Facts] | None:
    """None where another reader found them, or they are damaged: then the images are read again."""
    try:
        first, *lines = data.decode().splitlines()
        if json.loads(first) != {"reader": READER}:
            return None
        return [Facts(**{name: _value(name, value) for name, value in json.loads(line).items()}) for line in lines]
    except (ValueError, TypeError, KeyError):
        return None


def _value(name: str, value: Any) -> Any:
    return bytes.fromhex(value) if name in _BYTES else value

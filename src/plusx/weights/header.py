"""What a plusx model file says about itself, read without torch: the card, the task and its configuration.

A model file is one safetensors file (https://huggingface.co/docs/safetensors/index#format): a length N in 8 bytes,
little-endian; N bytes of JSON; then the tensors, one after the other. The JSON's `__metadata__` holds texts only;
plusx writes four of them, each JSON again: `plusx.version`, `plusx.card`, `plusx.task` and `plusx.extra`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from plusx.core.card import Card
from plusx.core.errors import WeightsError

VERSION: Final = 1
LARGEST_HEADER: Final = 100_000_000  # bytes; the safetensors library has the same limit
_LENGTH: Final = 8  # bytes


@dataclass(frozen=True)
class Header:
    """`config` is what `Task.config` gave; `extra` holds whatever JSON values the writer added."""

    card: Card
    task: str
    config: Mapping[str, Any]
    extra: Mapping[str, Any]

    def to_metadata(self) -> dict[str, str]:
        """The texts under `__metadata__`; `Header.from_metadata` gives an equal header."""
        values = {
            "plusx.version": VERSION,
            "plusx.card": self.card.to_json(),
            "plusx.task": {"name": self.task, "config": dict(self.config)},
            "plusx.extra": dict(self.extra),
        }
        return {key: json.dumps(value, ensure_ascii=False, allow_nan=False) for key, value in values.items()}

    @staticmethod
    def from_metadata(metadata: Mapping[str, str], origin: Path) -> "Header":
        """Raises `WeightsError` naming `origin` where an entry is missing or is not what `to_metadata` writes."""
        try:
            version = json.loads(metadata["plusx.version"])
            if version != VERSION:
                raise WeightsError(
                    f"{origin} is a plusx model file of version {version!r}; this plusx reads version {VERSION}. "
                    "Update plusx, or save the model again."
                )
            task = json.loads(metadata["plusx.task"])
            card = Card.from_json(json.loads(metadata["plusx.card"]))
            return Header(card, str(task["name"]), dict(task["config"]), dict(json.loads(metadata["plusx.extra"])))
        except WeightsError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise WeightsError(
                f"The header of {origin} is damaged ({type(error).__name__}: {error}). Get or save the file again."
            ) from error


def read_header(path: Path) -> Header:
    """The header of a plusx model file; at most `LARGEST_HEADER` bytes are read.

    Raises `WeightsError` naming the file where it is missing, damaged, cut off, or no plusx model file.
    """
    metadata = read_metadata(path)
    if "plusx.version" not in metadata:
        raise without_header(path)
    return Header.from_metadata(metadata, path)


def without_header(path: Path) -> WeightsError:
    """The error for tensors that do not say of which network they are."""
    return WeightsError(
        f"{path} holds tensors but no plusx header, so that it cannot be run by itself. Name it as the weights of its "
        f"architecture where a model is made; to train from it: plusx fit DATA --model resnet50 --weights {path}"
    )


def read_metadata(path: Path) -> dict[str, str]:
    """The texts under `__metadata__` of any safetensors file; raises `WeightsError` as `read_header` does."""
    contents = _read_contents(path)
    metadata = contents.pop("__metadata__", None) or {}
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise _damaged(path, "its metadata are not texts")
    return metadata


def _read_contents(path: Path) -> dict[str, Any]:
    """The JSON of a safetensors file, after a look whether all tensors it lists are there."""
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            length = int.from_bytes(file.read(_LENGTH), "little")
            if size < _LENGTH or not 2 <= length <= min(LARGEST_HEADER, size - _LENGTH):
                raise _damaged(path, f"{size} bytes long, it announces a header of {length} bytes")
            text = file.read(length)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror or error}. Check the path.") from error
    try:
        contents = json.loads(text)
        ends = [entry["data_offsets"][1] for name, entry in contents.items() if name != "__metadata__"]
        expected = _LENGTH + length + max(ends, default=0)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        raise _damaged(path, f"its header is not JSON of tensors: {type(error).__name__}") from error
    if size != expected:
        raise _damaged(path, f"{size} bytes long, its tensors need {expected}")
    return contents


def _damaged(path: Path, finding: str) -> WeightsError:
    return WeightsError(f"{path} is cut off, damaged or no safetensors file: {finding}. Get or save the file again.")

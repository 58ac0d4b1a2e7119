"""What a plusx model file says about itself, read without torch: the card, the task and its configuration.

A model file is one safetensors file: 8 bytes little-endian length, that many bytes of JSON, then the tensors
(https://github.com/huggingface/safetensors#format). The JSON's `__metadata__` holds four strings:
`plusx.version`, `plusx.card`, `plusx.task` (name and configuration) and `plusx.extra`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from plusx.core.card import Card
from plusx.core.errors import WeightsError

VERSION: Final = 1
LARGEST_HEADER: Final = 100_000_000  # bytes; the limit of the safetensors library itself


@dataclass(frozen=True)
class Header:
    """`config` is what `Task.config` gave; `extra` whatever JSON values the writer added."""

    card: Card
    task: str
    config: Mapping[str, Any]
    extra: Mapping[str, Any]


def read_header(path: Path) -> Header:
    """The header of a plusx model file.

    Raises `WeightsError` naming the file where it is missing, damaged, cut off, or no plusx model file.
    """
    raise NotImplementedError

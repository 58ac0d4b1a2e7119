"""Checkpoint files: written whole or not at all, checked when read, loadable with `weights_only=True`.

A file is what `torch.save` writes: a zip archive in which every record carries a CRC-32. `torch.load` does not look
at it (a flipped bit in a weight is loaded without a word), so `read` checks all of them first.
`last.pt` is the newest state, `previous.pt` the one before, `previous-2.pt` the one before that where so many are kept,
`best.pt` the best weights alone.
"""

import os
import pickle
import platform
import re
import zipfile
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch

from plusx.core.errors import InputError, StorageError, WeightsError
from plusx.core.storage import clear_leftovers, replacing

LAST, PREVIOUS, BEST = "last.pt", "previous.pt", "best.pt"
FORMAT = 1
KEEP = 2
"""So many of the newest states stay, unless more or fewer are asked for."""


def versions() -> dict[str, str]:
    """The code that writes: kept in every checkpoint."""
    return {
        "plusx": version("plusx"),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def make(directory: Path) -> None:
    """Creates `directory` and clears what a killed process left half written. Raises StorageError."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        clear_leftovers(directory, (LAST, BEST))
    except OSError as error:
        raise StorageError(f"{directory} cannot hold checkpoints: {error.strerror or error}.") from error


def write(path: Path, content: dict[str, Any]) -> None:
    """Replaces `path` in one step, after its bytes are on the disk. Raises StorageError; `path` is then untouched."""
    with replacing(path) as temporary:
        _write(temporary, content)


def save(directory: Path, content: dict[str, Any], keep: int = KEEP) -> None:
    """Writes `last.pt`; the one before becomes `previous.pt`, and so on: the newest `keep` stay.

    Raises StorageError; all that were there are then untouched. A kill between two renames leaves a name without a
    file, which `newest` passes over.
    """
    names = [directory / _name(age) for age in range(keep)]
    with replacing(names[0]) as temporary:
        _write(temporary, content)
        for younger, older in reversed([*pairwise(names)]):
            if younger.exists():
                younger.replace(older)
    for surplus in kept(directory):
        if surplus not in names:
            surplus.unlink(missing_ok=True)


def kept(directory: Path) -> list[Path]:
    """The states in `directory`, the newest first."""
    aged = {int(match[1] or 1): path for path in directory.iterdir() if (match := _PREVIOUS.fullmatch(path.name))}
    last = directory / LAST
    return [*([last] if last.exists() else []), *(aged[age] for age in sorted(aged))]


def read(path: Path) -> dict[str, Any]:
    """The content of a checkpoint, tensors on the CPU. Raises WeightsError for a damaged or foreign file."""
    try:
        with zipfile.ZipFile(path) as archive:
            _refuse_packed(path, archive)
            damaged = archive.testzip()
        if damaged is not None:
            raise WeightsError(f"{path} is damaged: the checksum of its record {damaged} does not match.")
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path} holds more than tensors and plain values, and loading it could execute code: refused."
        ) from error
    except WeightsError:
        raise
    except MemoryError:
        raise
    except Exception as error:  # a damaged archive surfaces as whatever its bytes happen to mean
        raise WeightsError(f"{path} is cut off or damaged: it is no complete checkpoint.") from error
    found = content.get("format") if isinstance(content, dict) else None
    if found != FORMAT:
        raise WeightsError(f"{path} is no checkpoint of this version: found format {found}, expected {FORMAT}.")
    return content


def _refuse_packed(path: Path, archive: zipfile.ZipFile) -> None:
    """torch stores records as they are, one after the other: more bytes in them than in the file were made to fill the
    memory, or the time of whoever reads them."""
    total = sum(record.file_size for record in archive.infolist())
    if total > path.stat().st_size:
        raise WeightsError(f"{path} would unpack to {total} bytes: no checkpoint does, it was made to fill the memory.")


def exists(directory: Path) -> bool:
    """Whether there is something to resume from."""
    return directory.is_dir() and bool(kept(directory))


def newest(directory: Path) -> tuple[dict[str, Any], list[str]]:
    """The newest valid checkpoint, and a note on each damaged one, which is renamed to `….damaged`.

    Raises InputError when none is valid.
    """
    notes: list[str] = []
    for path in kept(directory):
        try:
            return read(path), notes
        except WeightsError as error:
            path.replace(path.with_name(f"{path.name}.damaged"))
            notes.append(f"{error} Skipped and renamed to {path.name}.damaged.")
    raise InputError(
        f"No checkpoint to resume from in {directory}: expected {LAST} or {PREVIOUS}. {' '.join(notes)}".rstrip()
    )


_PREVIOUS = re.compile(r"previous(?:-(\d+))?\.pt")


def _name(age: int) -> str:
    """0: the newest."""
    return (LAST, PREVIOUS)[age] if age < 2 else f"previous-{age}.pt"


def _write(path: Path, content: dict[str, Any]) -> None:
    try:
        with path.open("wb") as file:
            torch.save({"format": FORMAT, "versions": versions(), **content}, file)
            file.flush()
            os.fsync(file.fileno())
    except RuntimeError as error:  # torch reports a failed write in its own words, over the true reason
        raise error.__context__ if isinstance(error.__context__, OSError) else OSError(str(error)) from error

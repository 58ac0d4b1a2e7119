"""A local weights file of any layout, recognised by its first bytes and read without executing anything."""

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from plusx.core.errors import WeightsError
from plusx.weights.hdf5 import KERAS_MEMBER, is_hdf5, read_keras
from plusx.weights.header import Header, read_metadata
from plusx.weights.pickles import read_torch

_ZIP: Final = b"PK\x03\x04"
_PICKLE: Final = b"\x80"  # opcode PROTO, first byte of every pickle since protocol 2
_NOT_WEIGHTS: Final = {
    b"version https://git-lfs": "a Git LFS pointer, not the file itself; run: git lfs pull",
    b"<!doctype html": "a web page; download the file itself",
    b"<html": "a web page; download the file itself",
}


@dataclass(frozen=True)
class Checkpoint:
    """Tensors under the names they have in the file; `header` where it is a plusx model file.

    Names from Keras are `layer/variable` (`conv1_conv/kernel`), arrays in Keras' order of axes.
    """

    path: Path
    tensors: Mapping[str, Tensor]
    header: Header | None = None


def read_checkpoint(path: Path) -> Checkpoint:
    """Tensors of a safetensors, torch or Keras file, on the CPU.

    torch: the state dict itself or inside a dict (`state_dict`, `model`, ...); `module.` prefixes are dropped.
    Keras: legacy .h5, .weights.h5 and .keras; needs h5py. Raises `WeightsError` for a missing, damaged or foreign
    file, and for a pickle that would execute code, naming what it would call.
    """
    start = _first_bytes(path)
    if _is_safetensors(start, path):  # before all others: its first bytes are a number, and may be any of their marks
        return _read_safetensors(path)
    if start.startswith(_ZIP):
        return Checkpoint(path, read_keras(path) if _holds_keras(path) else read_torch(path))
    if is_hdf5(path):
        return Checkpoint(path, read_keras(path))
    if start.startswith(_PICKLE):
        return Checkpoint(path, read_torch(path))
    if start[8:9] == b"{":  # cut off in its header, or no such file after all: reading it says what is wrong
        return _read_safetensors(path)
    raise WeightsError(f"{path} is no weights file: {_describe(start)}. Expected safetensors, torch or Keras HDF5.")


def _first_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(32)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror or error}. Check the path.") from error


def _is_safetensors(start: bytes, path: Path) -> bool:
    return start[8:9] == b"{" and int.from_bytes(start[:8], "little") <= path.stat().st_size - 8


def _holds_keras(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return KERAS_MEMBER in archive.namelist()
    except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
        raise WeightsError(f"{path} is cut off or damaged: {error}. Get the file again.") from error


def _read_safetensors(path: Path) -> Checkpoint:
    metadata = read_metadata(path)
    try:
        tensors = load_file(path)
    except (SafetensorError, KeyError, RuntimeError, ValueError) as error:
        raise WeightsError(f"{path} is damaged: {error}. Get the file again.") from error
    header = Header.from_metadata(metadata, path) if "plusx.version" in metadata else None
    return Checkpoint(path, tensors, header)


def _describe(start: bytes) -> str:
    for signature, description in _NOT_WEIGHTS.items():
        if start.lower().startswith(signature):
            return f"it is {description}"
    return f"it begins with {start[:8]!r}" if start else "it is empty"

"""State dicts that `torch.save` wrote, read by torch's restricted unpickler: nothing in them is executed."""

import argparse
import io
import pickle
import pickletools
import re
import warnings
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from plusx.core.errors import WeightsError

_INSIDE: Final = (  # where training scripts put it; averaged weights first: they are the ones a script reports
    "state_dict_ema",  # timm
    "model_ema",  # torchvision's references
    "state_dict",
    "model",
    "model_state",
    "model_state_dict",
    "net",
    "weights",
)
_FLOOR: Final = 10_000_000  # bytes that any file may unpack to
_LARGEST_RATIO: Final = 100  # bytes of tensors per byte of file
_ALLOCATORS: Final = ("bytearray", "bytes")
_BUILTINS: Final = ("builtins.", "__builtin__.")
_PREFIXES: Final = ("module.", "_orig_mod.", "model.")  # DataParallel, torch.compile, Lightning
_COUNTER: Final = "n_averaged"  # of torch.optim.swa_utils.AveragedModel

_HARMLESS: Final[list[Any]] = [  # plain values beside the weights: arguments of the script, its best score
    argparse.Namespace,
    np.dtype,
    *(type(np.dtype(kind)) for kind in ("bool", "int32", "int64", "float32", "float64")),
    (np.float64(0).__reduce__()[0], "numpy.core.multiarray.scalar"),
    (np.float64(0).__reduce__()[0], "numpy._core.multiarray.scalar"),
]


def read_torch(path: Path) -> dict[str, Tensor]:
    """The state dict of a file that `torch.save` wrote, prefixes dropped; raises `WeightsError`."""
    _refuse_bomb(path)
    try:
        content = _load(path)
    except pickle.UnpicklingError as error:
        raise _refusal(path, str(error)) from error
    except Exception as error:  # a damaged archive surfaces as whatever its bytes happen to mean
        raise WeightsError(
            f"{path} is cut off or damaged ({type(error).__name__}: {_first_line(error)}). Get the file again."
        ) from error
    tensors = _state_dict(content, path)
    _refuse_expanded(path, tensors)
    return without_prefixes(tensors)


def _refuse_bomb(path: Path) -> None:
    """Archives that hold more than the file is long, and pickles that ask for memory by a number."""
    total = 0
    with suppress(zipfile.BadZipFile, OSError, NotImplementedError, ValueError), zipfile.ZipFile(path) as archive:
        total = sum(record.file_size for record in archive.infolist())
    if total > path.stat().st_size + _FLOOR:
        raise _too_much(path, total)
    if any(name.split(".")[-1] in _ALLOCATORS for name in _globals(path) if name.startswith(_BUILTINS)):
        raise WeightsError(
            f"{path} was refused: it asks for a bytearray, which no state dict holds. Have its writer save "
            "model.state_dict() alone, best as .safetensors."
        )


def _refuse_expanded(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """One number can stand for a tensor of any shape, until somebody copies it."""
    total = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    if total > max(_FLOOR, _LARGEST_RATIO * path.stat().st_size):
        raise _too_much(path, total)


def _too_much(path: Path, total: int) -> WeightsError:
    return WeightsError(f"{path} would unpack to {total} bytes; it was made to fill the memory.")


def without_prefixes(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Names without what wrappers put before all of them (`module.`), and without the counter of averaged models."""
    names = {name: tensor for name, tensor in tensors.items() if name != _COUNTER}
    stripped = True
    while stripped and names:
        stripped = False
        for prefix in _PREFIXES:
            if all(name.startswith(prefix) for name in names):
                names = {name.removeprefix(prefix): tensor for name, tensor in names.items()}
                stripped = True
    return names


def _state_dict(content: Any, path: Path) -> dict[str, Tensor]:
    """`content` itself, or the first of the known places inside it that holds tensors by name."""
    while isinstance(content, Mapping):
        if content and all(isinstance(k, str) and isinstance(v, Tensor) for k, v in content.items()):
            return {name: tensor.detach() for name, tensor in content.items()}
        inside = next((key for key in _INSIDE if isinstance(content.get(key), Mapping)), None)
        if inside is None:
            break
        content = content[inside]
    listed = ", ".join(map(repr, list(content)[:8])) if isinstance(content, Mapping) else ""
    found = f"a dict with {listed or 'nothing'}" if isinstance(content, Mapping) else f"a {type(content).__name__}"
    raise WeightsError(
        f"{path} holds {found}, not tensors by name; expected a state dict, or one under {', '.join(_INSIDE)}."
    )


def _load(path: Path) -> Any:
    with (
        path.open("rb") as file,  # from a path, torch would go by the suffix
        torch.serialization.safe_globals(_HARMLESS),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore", UserWarning)  # about unusual pickle protocols; they are read or refused
        return torch.load(file, map_location="cpu", weights_only=True)


def _refusal(path: Path, text: str) -> WeightsError:
    """The error for a pickle that asks for more than tensors and plain values."""
    named = re.search(r"GLOBAL (\S+)", text)
    asked = _globals(path)
    foreign = [name for name in asked if name.split(".")[0] not in ("torch", "collections")]
    called = named.group(1) if named else next(iter(foreign), "")
    if called.split(".")[-1] not in {name.split(".")[-1] for name in asked}:  # half a name, where the file is cut off
        reason = re.search(r"error: (.+)", text) or re.search(r"(.+)", text)
        return WeightsError(f"{path} is cut off or damaged ({reason[1][:200] if reason else ''}). Get the file again.")
    return WeightsError(
        f"{path} was refused: it asks to call {called}, and a weights file must not execute code. "
        "If you trust its writer, have them save model.state_dict() alone, best as .safetensors."
    )


def _globals(path: Path) -> list[str]:
    """What the pickles of a file ask for by name, `module.name`, as far as they can be read; nothing is loaded."""
    found: list[str] = []
    with suppress(Exception):  # a damaged archive raises whatever its bytes happen to mean
        stream = io.BytesIO(_pickled(path))
        while True:  # the format of old torch is one pickle behind the other
            texts: list[str] = []
            for opcode, argument, _ in pickletools.genops(stream):
                if opcode.name == "GLOBAL":
                    found.append(str(argument).replace(" ", "."))
                elif opcode.name == "STACK_GLOBAL":
                    found.append(".".join(texts[-2:]))
                elif isinstance(argument, str):
                    texts.append(argument)
    return found


def _pickled(path: Path) -> bytes:
    if not zipfile.is_zipfile(path):
        return path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        return archive.read(next((name for name in archive.namelist() if name.endswith("data.pkl")), "data.pkl"))


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or ["no details"])[0][:200]

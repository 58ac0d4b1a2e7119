"""The model file: one safetensors file that holds tensors, card and task, and can execute nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from plusx.backbones.create import build
from plusx.core.card import Card
from plusx.core.errors import InputError, WeightsError, foreign
from plusx.core.storage import replacing
from plusx.core.task import Task
from plusx.tasks import create as tasks
from plusx.weights.header import Header, without_header
from plusx.weights.matching import Mismatch
from plusx.weights.reading import Checkpoint, read_checkpoint
from plusx.weights.uninitialised import Uninitialised

NO_EXTRA: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True)
class LoadedModel:
    """A task in evaluation mode with the weights of the file."""

    task: Task
    card: Card
    extra: Mapping[str, Any]


def save_model(path: Path, task: Task, card: Card, extra: Mapping[str, Any] = NO_EXTRA) -> None:
    """Write `task` and `card` to `path`, all or nothing: a file already there stays until the new one is complete.

    `extra`: JSON values that travel along. Raises `InputError` where `card` does not describe the task's backbone,
    `StorageError` when the disk refuses.
    """
    header = Header(card, task.name, task.config(), extra)
    _check_card(path, task, header)
    write_tensors(path, task.state_dict(), header.to_metadata())


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """A safetensors file, whole or not at all; raises `StorageError` when the disk refuses."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with replacing(path) as temporary:
        try:
            save_file(plain, temporary, dict(metadata))
        except SafetensorError as error:
            raise OSError(str(error)) from error


def load_model(path: Path, device: str = "cpu") -> LoadedModel:
    """The task of a model file, on `device`, in evaluation mode; every tensor bit for bit as it was saved.

    Raises `WeightsError` where the file is damaged or no plusx model file.
    """
    return restore(read_checkpoint(path), device)


def restore(checkpoint: Checkpoint, device: str = "cpu") -> LoadedModel:
    """As `load_model`, from what was read already."""
    header = checkpoint.header
    if header is None:
        raise without_header(checkpoint.path)
    try:
        with foreign(lambda reason: WeightsError(f"its header describes no network ({reason}).")):
            _refuse_absurd(header, len(checkpoint.tensors))
            task = _untrained(header)
    except InputError as error:
        raise WeightsError(f"{checkpoint.path} cannot be rebuilt: {error}") from error
    mismatch = Mismatch.between(task.state_dict(), checkpoint.tensors, same_dtype=False)
    if mismatch:
        raise WeightsError(f"The tensors of {checkpoint.path} are not those of its header.\n{mismatch}")
    task.load_state_dict({name: tensor.clone() for name, tensor in checkpoint.tensors.items()}, assign=True)
    return LoadedModel(task.to(device).eval(), header.card, header.extra)


def _refuse_absurd(header: Header, tensors: int) -> None:
    """WeightsError for settings with which the network would be built for hours, or fill the memory, before its tensors
    are compared with those of the file: each block has at least one."""
    for key, value in header.card.build.items():
        numbers = [
            one for one in (value if isinstance(value, tuple | list) else (value,)) if isinstance(one, int | float)
        ]
        most = tensors if key in _REPEATED else _WIDEST
        if any(not abs(one) <= most for one in numbers) or len(numbers) > _WIDEST:
            raise WeightsError(f"{key} is {str(value)[:80]}, and the file holds {tensors} tensors.")


_REPEATED: Final = ("depths", "n")
"""Settings that say how often a block is built."""

_WIDEST: Final = 1 << 14
"""The widest maps of any network here are an eighth of it."""


def _check_card(path: Path, task: Task, header: Header) -> None:
    """Raises `InputError` unless the header gives a model of the same tensors and layers.

    The layers are compared as printed: a stride or an epsilon elsewhere would load without an error and answer wrongly.
    """
    card, twin = header.card, _untrained(header)
    mismatch = Mismatch.between(twin.state_dict(), task.state_dict(), same_dtype=False)
    lines = zip(str(twin.backbone).splitlines(), str(task.backbone).splitlines(), strict=False)
    difference = next((f"expected {says.strip()}, found {has.strip()}" for says, has in lines if says != has), "")
    if mismatch or difference:
        details = str(mismatch) if mismatch else difference
        raise InputError(
            f"{path} was not written: its card says {card.architecture} with {dict(card.build)} and "
            f"{card.input.channels} input channels, but the model is another:\n{details}"
        )


def _untrained(header: Header) -> Task:
    """A task as the header describes it, its weights not even initialised."""
    card = header.card
    with Uninitialised():
        backbone = build(card.architecture, in_channels=card.input.channels, **card.build)
        return tasks.create(header.task, backbone, header.config)

"""Saving beside the training: the state is copied while the loop waits, and written while the loop goes on.

The thread of a save lives as long as it writes. It changes nothing the loop computes: it sees the copy alone.
"""

import copy
from collections.abc import Mapping
from pathlib import Path
from threading import Thread
from typing import Any, final

import torch
from torch import Tensor

from plusx.engine import checkpoint
from plusx.engine.resume import best_in


@final
class Saver:
    """Writes the checkpoints of one run into `directory`, of which the newest `keep` stay beside the best weights.

    One at a time: a save waits for the one before. What went wrong in the thread (StorageError) is raised by the next
    call of any method.
    """

    def __init__(self, directory: Path, keep: int) -> None:
        self._directory, self._keep = directory, keep
        self._copies = HostCopies()
        self._thread: Thread | None = None
        self._failure: BaseException | None = None

    def save(self, content: Mapping[str, Any]) -> None:
        """Returns when `content` is copied; it may change from then on."""
        self.wait()
        held = self._copies.of(content)
        self._thread = Thread(target=self._write, args=(held,), name="plusx-checkpoint", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raises what went wrong since the last call, without waiting."""
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def wait(self) -> None:
        """Returns when everything is on the disk."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self.check()

    def _write(self, content: dict[str, Any]) -> None:
        try:
            write_all(self._directory, content, self._keep)
        except BaseException as error:
            self._failure = error  # for the loop to raise


def write_all(directory: Path, content: dict[str, Any], keep: int = checkpoint.KEEP) -> None:
    """`last.pt`, then `best.pt` where `content` holds the best weights.

    In this order: what a kill between the two leaves out of `best.pt` is still in `last.pt`, and a resume takes it
    from there (`resume.reconcile_best`).
    """
    checkpoint.save(directory, content, keep)
    if (best := best_in(content)) is not None:
        checkpoint.write(directory / checkpoint.BEST, best)


@final
class HostCopies:
    """Copies of nested dicts, lists and tensors in the memory of the host, where they stay until the next copy.

    Memory is used again: taking new pages each time makes the copy about twice as long, and pinned ones much longer.
    """

    def __init__(self) -> None:
        self._buffers: dict[tuple[Any, ...], Tensor] = {}

    def of(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """A copy that shares no memory with `content`; it is overwritten by the next one."""
        before, self._buffers = self._buffers, {}
        copied = self._copied(content, (), before)
        for device in {tensor.device for tensor in _tensors(content) if tensor.is_cuda}:
            torch.cuda.current_stream(device).synchronize()
        return copied

    def _copied(self, value: Any, path: tuple[Any, ...], before: Mapping[tuple[Any, ...], Tensor]) -> Any:
        if isinstance(value, Tensor):
            self._buffers[path] = buffer = _like(value, before.get(path))
            return buffer.copy_(value.detach(), non_blocking=value.is_cuda)
        if isinstance(value, dict):
            same = copy.copy(value)  # an OrderedDict keeps the versions of the modules it came from
            same.update({key: self._copied(inner, (*path, key), before) for key, inner in value.items()})
            return same
        if isinstance(value, list):
            return [self._copied(inner, (*path, index), before) for index, inner in enumerate(value)]
        return value


def _like(tensor: Tensor, buffer: Tensor | None) -> Tensor:
    """`buffer` where it fits; else new memory of the host, laid out as `tensor`."""
    if buffer is not None and _layout(buffer) == _layout(tensor):
        return buffer
    return torch.empty_like(tensor, device="cpu", requires_grad=False, pin_memory=tensor.is_cuda)


def _layout(tensor: Tensor) -> tuple[torch.Size, torch.dtype, tuple[int, ...]]:
    return tensor.shape, tensor.dtype, tensor.stride()


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return [tensor for one in inner for tensor in _tensors(one)]

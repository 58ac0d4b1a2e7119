"""Rollback: undoes what a forward pass moves besides gradients, so that a failed attempt leaves no trace."""

from typing import Any

import torch
from torch import Tensor, nn

from plusx.core.remembered import Remembered


class Rollback:
    """Keeps the module's buffers (BatchNorm's statistics), the random states that dropout draws from, and how much is
    staged to be remembered.

    `mark` costs a copy of the buffers, which are small beside the weights.
    """

    def __init__(self, module: nn.Module, device: torch.device, remembered: Remembered | None = None) -> None:
        self._device = device
        self._groups = [(alike, [torch.empty_like(one) for one in alike]) for alike in _by_type(module)]
        self._random: dict[str, Tensor] = {}
        self._remembered, self._staged = remembered, 0

    @torch.no_grad()
    def mark(self) -> None:
        """What `undo` goes back to."""
        for buffers, kept in self._groups:
            torch._foreach_copy_(kept, buffers)
        self._random = random_states(self._device)
        self._staged = 0 if self._remembered is None else self._remembered.staged

    @torch.no_grad()
    def undo(self) -> None:
        """All of it is as it was at `mark`."""
        for buffers, kept in self._groups:
            torch._foreach_copy_(buffers, kept)
        set_random_states(self._random, self._device)
        if self._remembered is not None:
            self._remembered.drop(self._staged)

    def draw_again(self) -> None:
        """Random states alone are as they were at `mark`."""
        set_random_states(self._random, self._device)


def random_states(device: torch.device) -> dict[str, Tensor]:
    """Those of torch's global generators that a forward pass on `device` may draw from."""
    states = {"cpu": torch.get_rng_state()}
    if device.type in ("cuda", "mps"):
        states["device"] = _of_device(device).get_rng_state(*_index(device))
    return states


def set_random_states(states: dict[str, Tensor], device: torch.device) -> None:
    """Puts back what `random_states` took; that of a device only where `device` is of the same kind."""
    torch.set_rng_state(states["cpu"])
    if "device" in states and device.type in ("cuda", "mps"):
        _of_device(device).set_rng_state(states["device"], *_index(device))


def _of_device(device: torch.device) -> Any:
    return torch.cuda if device.type == "cuda" else torch.mps


def _index(device: torch.device) -> tuple[torch.device, ...]:
    return (device,) if device.type == "cuda" else ()


def _by_type(module: nn.Module) -> list[list[Tensor]]:
    """The buffers in groups that can be copied at once."""
    groups: dict[torch.dtype, list[Tensor]] = {}
    for buffer in module.buffers():
        groups.setdefault(buffer.dtype, []).append(buffer)
    return list(groups.values())

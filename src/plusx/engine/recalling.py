"""Where a step has to do with what a loss remembers of each training image; None: it remembers nothing."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from plusx.core.errors import InputError
from plusx.core.ranks import Ranks
from plusx.core.remembered import Remembered


def check_alone(remembered: Remembered | None, ranks: Ranks) -> None:
    """InputError where several processes would each remember the images of their own parts."""
    if remembered is not None and ranks.world > 1:
        raise InputError(
            f"The loss {remembered.loss} remembers what was said of each training image, and {ranks.world} processes "
            "would each know a part of it. Train in one process, or by another loss."
        )


def begun(remembered: Remembered | None) -> Remembered | None:
    """The same at the start of a run, when no image has been seen."""
    if remembered is not None:
        remembered.forget()
    return remembered


def recalled(remembered: Remembered | None, indices: Tensor, device: torch.device) -> AbstractContextManager[None]:
    """Around the forward pass of these images."""
    return nullcontext() if remembered is None else remembered.of(indices, device)


def keep(remembered: Remembered | None) -> None:
    """After a step: what it said is remembered from now on."""
    if remembered is not None:
        remembered.keep()


def state_of(remembered: Remembered | None) -> dict[str, Tensor] | None:
    """What has to be in a checkpoint."""
    return None if remembered is None else remembered.state_dict()


def put_back(remembered: Remembered | None, state: dict[str, Tensor] | None) -> None:
    """What a checkpoint of the same run holds."""
    if remembered is not None:
        assert state is not None, "the losses agree"
        remembered.load_state_dict(state)

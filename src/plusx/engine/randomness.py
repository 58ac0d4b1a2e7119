"""Random states: taken, put back, and kept from leaking between the loop and its surroundings."""

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from plusx.core.ranks import Ranks
from plusx.engine.position import Position


def capture() -> dict[str, Any]:
    """The states of Python's, numpy's and torch's global generators, as values that load with weights_only=True."""
    return {
        "python": random.getstate(),
        "numpy": _plain(np.random.get_state(legacy=False)),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def restore(state: dict[str, Any]) -> None:
    """Puts back what `capture` took. States of devices that are not here are left out."""
    random.setstate(state["python"])
    np.random.set_state(_arrays(state["numpy"]))
    torch.set_rng_state(state["torch"])
    for index, device_state in enumerate(state["cuda"][: torch.cuda.device_count()]):
        torch.cuda.set_rng_state(device_state, index)


def begin(seed: int) -> None:
    """All global generators begin anew, so that whatever draws from them draws the same in every run of this seed."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


@contextmanager
def sheltered() -> Iterator[None]:
    """Whatever is drawn from the global generators inside is not seen outside."""
    before = capture()
    try:
        yield
    finally:
        restore(before)


def seed_of_batch(seed: int, position: Position, ranks: Ranks) -> int:
    """Of what is drawn for the batch there; of several processes each draws its own, and is seeded for what the task
    draws by itself (dropout), so that none has a state to be kept."""
    if ranks.world == 1:
        return seed_of(seed, position.epoch, position.batch)
    own = seed_of(seed, position.epoch, position.batch, ranks.rank)
    torch.manual_seed(own)
    return own


def seed_of(*position: int) -> int:
    """A 63-bit seed for a position such as (seed, epoch, batch); near positions get unrelated seeds."""
    text = ",".join(map(str, position)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") >> 1


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return torch.from_numpy(value.astype(np.int64))
    return {key: _plain(inner) for key, inner in value.items()} if isinstance(value, dict) else value


def _arrays(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.numpy().astype(np.uint32)
    return {key: _arrays(inner) for key, inner in value.items()} if isinstance(value, dict) else value

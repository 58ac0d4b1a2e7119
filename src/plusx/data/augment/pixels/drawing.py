"""What the policies draw for a batch: an operation and a value for each image."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from plusx.core.errors import InputError
from plusx.data.augment.pixels.affine import Sampling
from plusx.data.augment.pixels.magnitudes import Drawn, Space, Values
from plusx.data.augment.pixels.operations import IDENTITY, perform

BINS: Final = 31
"""Levels of RandAugment and TrivialAugment: 0 to 30."""


def signs(count: int, rng: np.random.Generator) -> Values:
    """−1 or 1, each as likely."""
    return rng.choice((-1.0, 1.0), count)


def values_of(names: Sequence[str], space: Space, drawn: Drawn) -> Values:
    """The value of each image's operation; 0 where that is the identity."""
    values = np.zeros(len(names))
    for name in set(names) - {IDENTITY}:
        here = np.array([one == name for one in names])
        values[here] = space[name](drawn._replace(level=drawn.level[here], sign=drawn.sign[here]))
    return values


def perform_drawn(
    images: Tensor, names: Sequence[str], levels: Values, space: Space, sampling: Sampling, rng: np.random.Generator
) -> Tensor:
    """One operation for each image, at its level and with a random sign."""
    drawn = Drawn(levels, signs(len(images), rng), images.shape[-2], images.shape[-1])
    return perform(images, names, values_of(names, space, drawn), sampling)


def where(chosen: NDArray[np.bool_], names: Sequence[str]) -> list[str]:
    """The names where they are `chosen`, else the identity."""
    return [name if take else IDENTITY for name, take in zip(names, chosen, strict=True)]


def check_share(what: str, value: float) -> None:
    """InputError unless it lies in 0..1."""
    if not 0 <= value <= 1:
        raise InputError(f"{what} {value} must lie between 0 and 1")


def check_count(what: str, value: int, least: int = 1) -> None:
    """InputError where it is too small."""
    if value < least:
        raise InputError(f"{what} {value} must be at least {least}")

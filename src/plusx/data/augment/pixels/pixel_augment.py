"""What an augmentation of pixels is."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor


class PixelAugment(ABC):
    """Changes the pixels of a whole batch on its device, each image in its own way; a frozen dataclass of its settings.

    `moves`: whether it moves what the images show, so that it has no place where targets are boxes or masks.
    """

    @property
    @abstractmethod
    def moves(self) -> bool:
        """True where shearing, shifting or rotating is part of it."""

    @abstractmethod
    def apply(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """images: uint8 B, C, H, W with C = 3 (RGB) or 1 (grey), before normalisation; a new tensor of the same kind.

        All randomness comes from `generator`: the same state gives the same pixels.
        """


def in_turn(augments: Sequence[PixelAugment], images: Tensor, generator: torch.Generator) -> Tensor:
    """All of them, one after the other; the result lies in memory as `images` do."""
    if not augments:
        return images
    last = images.is_contiguous(memory_format=torch.channels_last)
    changed = images.contiguous()  # each channel by itself: whole rows are worked on at once
    for augment in augments:
        changed = augment.apply(changed, generator)
    return changed.contiguous(memory_format=torch.channels_last) if last else changed

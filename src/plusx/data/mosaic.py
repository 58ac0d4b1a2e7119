"""Training pictures made of several samples: mosaic and mixup, which keep the boxes of all.

Mosaic: Bochkovskiy, Wang, Liao 2020, "YOLOv4", section 3.3; off for the last epochs as in Ge et al. 2021, "YOLOX",
section 2.1. mixup: Zhang et al. 2019, "Bag of Freebies for Training Object Detection Neural Networks", section 3.1, in
its even form, which needs no weights for boxes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Final, NamedTuple, TypeAlias, final

import numpy as np
import torch
from torch import Tensor

from plusx.core.errors import InputError
from plusx.core.sample import DENSE, Kind
from plusx.core.targets import Target
from plusx.core.view import View
from plusx.data.jitter import JitterTransform
from plusx.data.transforms import Crop, Transform

Key: TypeAlias = tuple[int, ...]
"""What all randomness derives from: seed, epoch, index and repeat of a sample; for a part of its picture one more."""


class Picture(NamedTuple):
    """One image as the network gets it."""

    image: Tensor
    target: Target | None
    view: View | None = None


Read: TypeAlias = Callable[[int, Transform, Key], Picture]
"""The sample at an index, through a transform, with randomness of its own."""

CROSS: Final = (0.25, 0.75)
"""Where the four parts of a mosaic meet, as parts of its height and width: none is narrower than a quarter."""


@dataclass(frozen=True)
class MixConfig:
    """`mosaic`, `mixup`: chances of a picture to become one; `until`: the part of the epochs with any, 0..1."""

    kind: Kind
    mosaic: float = 0.0
    mixup: float = 0.0
    until: float = 0.75

    def __post_init__(self) -> None:
        for name in ("mosaic", "mixup", "until"):
            if not 0 <= vars(self)[name] <= 1:
                raise InputError(f"{name} {vars(self)[name]} must lie between 0 and 1")
        if self.mosaic and self.kind not in DENSE:
            raise InputError(f"a mosaic joins boxes or masks; targets of kind {self.kind!r} belong to a whole image")
        if self.mixup and self.kind != "boxes":
            raise InputError(f"mixup of whole images keeps the boxes of both; it has no meaning for {self.kind!r}")


@final
class Mix:
    """Makes the pictures of `epochs` epochs. Partners and places are functions of the key alone."""

    def __init__(self, config: MixConfig, transform: JitterTransform, epochs: int) -> None:
        self.config = config
        self.transform = transform
        self.epochs = epochs

    def picture(self, read: Read, count: int, key: Key) -> Picture:
        """That of one of `count` samples, alone or with partners. key: seed, epoch, index, repeat."""
        _, epoch, index, _ = key
        if epoch >= self.config.until * self.epochs:
            return read(index, self.transform, key)
        rng = np.random.default_rng((*key, 0))
        partners = rng.integers(count, size=4).tolist()
        tiles = draw_tiles(*self.transform.size, rng)
        mosaic, mixup = rng.random(2) < (self.config.mosaic, self.config.mixup)
        own = self._mosaic(read, (index, *partners[:3]), tiles, key) if mosaic else read(index, self.transform, key)
        return blended(own, read(partners[3], self.transform, (*key, 5))) if mixup else own

    def _mosaic(self, read: Read, indices: tuple[int, ...], tiles: tuple[Crop, ...], key: Key) -> Picture:
        """Each sample is shown through a tile, at the scale that it has alone."""
        input, config, size = self.transform.input, self.transform.config, self.transform.size  # noqa: A001
        image = torch.empty((*size, input.channels), dtype=torch.uint8).permute(2, 0, 1)
        targets: list[Target | None] = []
        for number, (index, tile) in enumerate(zip(indices, tiles, strict=True), start=1):
            part = read(index, JitterTransform(input, config, (tile.height, tile.width)), (*key, number))
            image[:, tile.top : tile.top + tile.height, tile.left : tile.left + tile.width] = part.image
            targets.append(None if part.target is None else part.target.crop(-tile.top, -tile.left, *size))
        return Picture(image, reduce(joined, targets))


def draw_tiles(height: int, width: int, rng: np.random.Generator) -> tuple[Crop, Crop, Crop, Crop]:
    """Four windows that share a corner and together are the picture."""
    y, x = (round(length * rng.uniform(*CROSS)) for length in (height, width))
    return Crop(0, 0, y, x), Crop(0, x, y, width - x), Crop(y, 0, height - y, x), Crop(y, x, height - y, width - x)


def blended(one: Picture, other: Picture) -> Picture:
    """The mean of both images, with the boxes of both."""
    mean = (one.image.to(torch.int16) + other.image + 1).div_(2, rounding_mode="floor")
    return Picture(mean.to(torch.uint8), joined(one.target, other.target))


def joined(one: Target | None, other: Target | None) -> Target | None:
    """None where either is not known."""
    return None if one is None or other is None else one.joined(other)

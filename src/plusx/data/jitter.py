"""Scale jitter for targets that have a place: a window of the image, or the image in a window, at a random scale.

Large-scale jitter: Ghiasi et al. 2021, "Simple Copy-Paste is a Strong Data Augmentation Method for Instance
Segmentation", section 3. A window in which no object is left is drawn again: Liu et al. 2016, "SSD", section 2.2.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple, final

import numpy as np
import torch
from torch import Tensor

from plusx.core.card import Input
from plusx.core.errors import InputError
from plusx.core.targets import Target
from plusx.data.transforms import Crop, Image, Transform, TransformConfig, reduction_for, resize_crop
from plusx.nn.preprocess import mean_colour, view_of

ATTEMPTS: Final = 50
"""To draw a window that holds an object; then the whole image is shown."""


@dataclass(frozen=True, kw_only=True)
class JitterConfig(TransformConfig):
    """Scale jitter, flip, colour jitter. `scale`: lengths in the input as multiples of those in evaluation."""

    scale: tuple[float, float] = (0.8, 1.25)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.scale[0] <= self.scale[1]:
            raise InputError(f"jitter scale {self.scale} must be two positive numbers, low ≤ high")

    def build(self, input: Input) -> "JitterTransform":  # noqa: A002
        return JitterTransform(input, self)


class Window(NamedTuple):
    """`source`, in pixels of the image, is resized to fill `place`, in pixels of the picture; around it is padding."""

    source: Crop
    place: Crop


@final
class JitterTransform(Transform):
    """The image at `scale` times the size it has in evaluation: what of it fits is shown, at a random place.

    So the aspect ratio is that of evaluation, whether that squashes or pads, and the room around is filled alike: with
    the mean colour, void in masks. Where the image has objects to be found, one is left at least.
    """

    def __init__(
        self,
        input: Input,  # noqa: A002
        config: JitterConfig = JitterConfig(),
        size: tuple[int, int] | None = None,
    ) -> None:
        """size: height and width of the picture; None: the input's. The scale is that of the whole input anyway."""
        super().__init__(input)
        self.config = config
        self.size = input.size if size is None else size

    def reduction(self, height: int, width: int, target: Target | None, rng: np.random.Generator) -> int:
        window = self.draw(height, width, target, rng)
        return reduction_for(window.source, (window.place.height, window.place.width))

    def __call__(self, image: Image, target: Target | None, rng: np.random.Generator) -> tuple[Tensor, Target | None]:
        source, place = self.draw(image.shape[0], image.shape[1], target, rng)
        pixels = resize_crop(image, source, self.input, (place.height, place.width))
        if target is not None:
            moved = target.crop(*source).scale(place.height / source.height, place.width / source.width)
            target = moved.crop(-place.top, -place.left, *self.size)
        return self.config.finish(laid_on(pixels, place, self.size, self.input), target, rng)

    def draw(self, height: int, width: int, target: Target | None, rng: np.random.Generator) -> Window:
        """The same generator state gives the same part of the image at any resolution, but for rounding."""
        resized = view_of(height, width, self.input).resized
        for _ in range(ATTEMPTS):
            scale = rng.uniform(*self.config.scale)
            window = self._window(height, width, (resized[0] * scale, resized[1] * scale), rng)
            if target is None or target.survives(*window.source):
                return window
        fitting = min(1.0, self.size[0] / resized[0], self.size[1] / resized[1])
        return self._window(height, width, (resized[0] * fitting, resized[1] * fitting), rng)

    def _window(self, height: int, width: int, resized: tuple[float, float], rng: np.random.Generator) -> Window:
        """Of the image at size `resized`; every place is as likely."""
        y, rows, top, h = _along(height, resized[0], self.size[0], rng.random())
        x, columns, left, w = _along(width, resized[1], self.size[1], rng.random())
        return Window(Crop(y, x, rows, columns), Crop(top, left, h, w))


def _along(length: int, resized: float, size: int, where: float) -> tuple[int, int, int, int]:
    """Start and length in the image and in the picture, along one axis; where: 0..1 of the possible places.

    Whole pixels on either side, so that boxes lie exactly on what they enclose: a part of the image fills the picture,
    or all of it fills a part.
    """
    if resized >= size:
        part = max(1, min(length, round(length * size / resized)))
        return int(where * (length - part + 1)), part, 0, size
    part = max(1, round(resized))
    return 0, length, int(where * (size - part + 1)), part


def laid_on(pixels: Tensor, place: Crop, size: tuple[int, int], input: Input) -> Tensor:  # noqa: A002
    """A picture of this size in the mean colour with `pixels` at their place."""
    if (place.height, place.width) == size:
        return pixels
    picture = torch.empty((*size, len(pixels)), dtype=torch.uint8).permute(2, 0, 1)
    picture.copy_(mean_colour(input, pixels.device))
    picture[:, place.top : place.top + place.height, place.left : place.left + place.width] = pixels
    return picture

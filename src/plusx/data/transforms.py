"""From a decoded image to the network's size, uint8 in and out; one image at a time, in the loading processes."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from plusx.core.card import Input
from plusx.core.targets import Target

Image: TypeAlias = NDArray[np.uint8]
"""H, W, C with C = 3 (RGB) or 1 (grey), C-contiguous."""


class Transform(ABC):
    """Called with (image, target, generator); gives uint8 C, h, w of the input's size and the target moved alike."""

    def __init__(self, input: Input) -> None:  # noqa: A002 - the noun of core.card
        self.input = input

    @property
    def mode(self) -> Literal["RGB", "L"]:
        """The colour mode images have to be read in."""
        return "L" if self.input.channels == 1 else "RGB"

    def reduction(self, height: int, width: int, rng: np.random.Generator) -> int:
        """1, 2, 4 or 8: how much smaller a JPEG of this size may be decoded, given the generator of the call."""
        return 1

    @abstractmethod
    def __call__(self, image: Image, target: Target | None, rng: np.random.Generator) -> tuple[Tensor, Target | None]:
        """The same (image, generator state) always gives the same pixels."""


class EvalTransform(Transform):
    """What evaluation, prediction and exported files see: `nn.preprocess.fit_to_input`. Draws nothing."""

    def __call__(self, image: Image, target: Target | None, rng: np.random.Generator) -> tuple[Tensor, Target | None]:
        raise NotImplementedError


@dataclass(frozen=True)
class TrainTransformConfig:
    """Random-resized crop (Szegedy et al. 2015, "Going deeper with convolutions", section 6), flip, colour jitter."""

    scale: tuple[float, float] = (0.08, 1.0)  # the crop's part of the image area
    ratio: tuple[float, float] = (3 / 4, 4 / 3)  # width / height of the crop
    flip: float = 0.5  # chance of mirroring left to right
    brightness: float = 0.0  # factor drawn from 1 ± this; likewise contrast and saturation
    contrast: float = 0.0
    saturation: float = 0.0


class TrainTransform(Transform):
    """A random part of the image, resized with an antialiased filter, mirrored and recoloured by chance."""

    def __init__(self, input: Input, config: TrainTransformConfig = TrainTransformConfig()) -> None:  # noqa: A002
        super().__init__(input)
        self.config = config

    def __call__(self, image: Image, target: Target | None, rng: np.random.Generator) -> tuple[Tensor, Target | None]:
        raise NotImplementedError

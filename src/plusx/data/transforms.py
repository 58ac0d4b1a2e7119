"""From a decoded image to the network's size, uint8 in and out; one image at a time, in the loading processes."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from plusx.core.card import Input
from plusx.core.errors import InputError
from plusx.core.targets import Target
from plusx.core.view import View
from plusx.data.colour import ColourChange, recolour
from plusx.nn.preprocess import shown, view_of

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

    @abstractmethod
    def reduction(self, height: int, width: int, target: Target | None, rng: np.random.Generator) -> int:
        """1, 2, 4 or 8: how much smaller a JPEG of this size may be decoded; `rng` in the state of the later call."""

    def view(self, height: int, width: int) -> View | None:
        """How an image of this size is shown, where that depends on its size alone."""
        return None

    @abstractmethod
    def __call__(self, image: Image, target: Target | None, rng: np.random.Generator) -> tuple[Tensor, Target | None]:
        """The same (image, generator state) always gives the same pixels."""


@final
class EvalTransform(Transform):
    """What evaluation, prediction and exported files see: `nn.preprocess.fit_to_input`. Draws nothing.

    mirrored: of the image as in a mirror, left to right, for targets that have no place in it.
    """

    def __init__(self, input: Input, *, mirrored: bool = False) -> None:  # noqa: A002
        super().__init__(input)
        self.mirrored = mirrored

    def reduction(self, height: int, width: int, target: Target | None, rng: np.random.Generator) -> int:
        return 1

    def view(self, height: int, width: int) -> View:
        return view_of(height, width, self.input)

    def __call__(self, image: Image, target: Target | None, rng: np.random.Generator) -> tuple[Tensor, Target | None]:
        view = self.view(*image.shape[:2])
        image = np.ascontiguousarray(image[:, ::-1]) if self.mirrored else image
        pixels = shown(_tensor(image)[None], view, self.input)[0].to(torch.uint8)
        return pixels, None if target is None else target.seen(view)


@dataclass(frozen=True, kw_only=True)
class TransformConfig(ABC):
    """Settings of a transform for training; what all of them may do at the end: mirror and recolour."""

    flip: float = 0.5  # chance of mirroring left to right
    brightness: float = 0.0  # the factor is drawn from 1 ± this; likewise contrast and saturation
    contrast: float = 0.0
    saturation: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.flip <= 1:
            raise InputError(f"flip {self.flip} must be a probability, 0 to 1")
        for name in ("brightness", "contrast", "saturation"):
            if not 0 <= vars(self)[name] <= 1:
                raise InputError(f"{name} {vars(self)[name]} must lie between 0 (unchanged) and 1")

    @abstractmethod
    def build(self, input: Input) -> Transform:  # noqa: A002
        """The transform for a network with this input."""

    def finish(self, image: Tensor, target: Target | None, rng: np.random.Generator) -> tuple[Tensor, Target | None]:
        """Mirrored and recoloured by chance. image: uint8 C, h, w."""
        if rng.random() < self.flip:
            target = target.flip(image.shape[-1]) if target is not None else None
            image = image.flip(-1)
        change = self.draw_colour(rng)
        return (image if change is None else recolour(image, change)), target

    def draw_colour(self, rng: np.random.Generator) -> ColourChange | None:
        """The factors for one image; None where nothing is to change."""
        strengths = np.array((self.brightness, self.contrast, self.saturation))
        return ColourChange(*rng.uniform(1 - strengths, 1 + strengths)) if strengths.any() else None


@dataclass(frozen=True, kw_only=True)
class TrainTransformConfig(TransformConfig):
    """Random-resized crop (Szegedy et al. 2015, "Going deeper with convolutions", section 6), flip, colour jitter."""

    scale: tuple[float, float] = (0.08, 1.0)  # the crop's part of the image area
    ratio: tuple[float, float] = (3 / 4, 4 / 3)  # width / height of the crop

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.scale[0] <= self.scale[1] <= 1:
            raise InputError(f"crop scale {self.scale} must be two parts of the image area, 0 < low ≤ high ≤ 1")
        if not 0 < self.ratio[0] <= self.ratio[1]:
            raise InputError(f"crop ratio {self.ratio} must be two positive numbers, low ≤ high")

    def build(self, input: Input) -> "TrainTransform":  # noqa: A002
        return TrainTransform(input, self)


class Crop(NamedTuple):
    """A window of the image, in pixels."""

    top: int
    left: int
    height: int
    width: int


@final
class TrainTransform(Transform):
    """A random part of the image, resized with an antialiased filter, mirrored and recoloured by chance."""

    def __init__(self, input: Input, config: TrainTransformConfig = TrainTransformConfig()) -> None:  # noqa: A002
        super().__init__(input)
        self.config = config

    def reduction(self, height: int, width: int, target: Target | None, rng: np.random.Generator) -> int:
        """The crop keeps twice the pixels that are needed, so that the resize that follows still filters."""
        crop = draw_crop(height, width, self.config, rng)
        return reduction_for(crop, self.input.size)

    def __call__(self, image: Image, target: Target | None, rng: np.random.Generator) -> tuple[Tensor, Target | None]:
        height, width = self.input.size
        crop = draw_crop(image.shape[0], image.shape[1], self.config, rng)
        out = resize_crop(image, crop, self.input)
        if target is not None:
            target = target.crop(*crop).scale(height / crop.height, width / crop.width)
        return self.config.finish(out, target, rng)


def reduction_for(crop: Crop, size: tuple[int, int]) -> int:
    """How much smaller a JPEG may be decoded of which `crop` becomes `size` (height, width): see `Transform`."""
    spare = min(crop.height / size[0], crop.width / size[1]) / 2
    return next(factor for factor in (8, 4, 2, 1) if spare >= factor or factor == 1)


def draw_crop(height: int, width: int, config: TrainTransformConfig, rng: np.random.Generator) -> Crop:
    """Area uniform in `scale`, aspect ratio log-uniform in `ratio`; ten attempts, then the centre.

    The same generator state gives the same part of the image at any resolution, but for rounding.
    """
    low, high = math.log(config.ratio[0]), math.log(config.ratio[1])
    for _ in range(10):
        area = height * width * rng.uniform(*config.scale)
        aspect = math.exp(rng.uniform(low, high))
        h, w = round(math.sqrt(area / aspect)), round(math.sqrt(area * aspect))
        if 0 < h <= height and 0 < w <= width:
            return Crop(int(rng.random() * (height - h + 1)), int(rng.random() * (width - w + 1)), h, w)
    return _centre(height, width, config.ratio)


def _centre(height: int, width: int, ratio: tuple[float, float]) -> Crop:
    """The largest window in the middle whose aspect ratio is allowed."""
    h = max(1, min(height, round(width / ratio[0])))
    w = max(1, min(width, round(height * ratio[1])))
    return Crop((height - h) // 2, (width - w) // 2, h, w)


def resize_crop(image: Image, crop: Crop, input: Input, size: tuple[int, int] | None = None) -> Tensor:  # noqa: A002
    """The window at the input's size, or at another one (height, width), uint8 C, h, w.

    PyTorch's 8-bit resize on a view of the decoded image: four times as fast as Pillow's `resize(box=...)`, and no
    pixel outside the crop is touched. Channels stay last in memory, as the decoder wrote them.
    """
    window = _tensor(image)[crop.top : crop.top + crop.height, crop.left : crop.left + crop.width]
    pixels = window.permute(2, 0, 1)[None]
    size = input.size if size is None else size
    if input.interpolation == "nearest":
        return F.interpolate(pixels, size=size, mode="nearest-exact")[0]
    return F.interpolate(pixels, size=size, mode=input.interpolation, antialias=True)[0]


def _tensor(image: Image) -> Tensor:
    """Shares memory, except with arrays that must not be written to: PyTorch knows no read-only tensors."""
    return torch.from_numpy(image if image.flags.writeable else image.copy())

"""Card: all that a set of weights must say to be usable. Data, not code; it travels inside the model file."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from plusx.core.errors import InputError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

LARGEST_SIDE = 1 << 14
"""Pixels of a side of a network's input; a card with more was made to fill the memory."""

Interpolation = Literal["nearest", "bilinear", "bicubic"]
Fit = Literal["crop", "squash", "pad"]


@dataclass(frozen=True)
class Input:
    """How an image becomes the network's input.

    The image is resized with an antialiased filter and rounded to 8 bits, then cut to `size`, then normalised as
    `(x / 255 - mean) / std` per channel.
    `crop`: the short side becomes `resize` pixels, then the centre is cut out. `squash`: straight to `size`,
    aspect ratio lost. `pad`: the long side becomes `size`, the rest is filled with the mean colour.
    """

    size: tuple[int, int] = (224, 224)  # height, width in pixels
    resize: int = 256  # short side in pixels before the centre crop; unused by squash and pad
    fit: Fit = "crop"
    interpolation: Interpolation = "bilinear"
    mean: tuple[float, ...] = IMAGENET_MEAN  # in units of 0..1, in the order of `order`
    std: tuple[float, ...] = IMAGENET_STD
    order: Literal["RGB", "BGR", "L"] = "RGB"  # channel order the network was trained on; L: one grey channel

    def __post_init__(self) -> None:
        if not all(isinstance(side, int) and side <= LARGEST_SIDE for side in (*self.size, self.resize)):
            raise InputError(
                f"input size {self.size!r:.80} with resize {self.resize!r:.80}: expected whole numbers of pixels, "
                f"{LARGEST_SIDE} at the most"
            )
        if min(self.size) < 1 or (self.fit == "crop" and self.resize < min(self.size)):
            raise InputError(
                f"input size {self.size} with resize {self.resize}: a crop must fit into the resized image"
            )
        if len(self.mean) != len(self.std) or not all(0 < value < math.inf for value in self.std):
            raise InputError(f"mean {self.mean} and std {self.std} need one positive std per mean")

    @property
    def channels(self) -> int:
        return len(self.mean)


@dataclass(frozen=True)
class Source:
    """Where the weights come from and in whose layout the file is."""

    layout: Literal["plusx", "torchvision", "timm", "keras", "cifar", "smp"] = "plusx"
    url: str = ""  # direct address, if there is one
    repository: str = ""  # model hub repository, if there is one
    filename: str = ""
    sha256: str = ""  # whole digest, or the published prefix of it


@dataclass(frozen=True)
class Card:
    """One set of weights: `name` is what users write (`resnet50.a1_in1k`), `architecture` what gets built."""

    name: str
    architecture: str
    build: Mapping[str, Any] = field(default_factory=dict)  # changes to the architecture's settings, e.g. eps, bias
    input: Input = Input()
    classes: tuple[str, ...] = ()  # names in the order of the outputs; empty while only `vocabulary` is known
    vocabulary: str = ""  # a public list of classes: "imagenet-1k", "cifar-10", "cifar-100"
    source: Source = Source()
    licence: str = ""
    permissive: bool = False  # may be used commercially
    metrics: Mapping[str, float] = field(default_factory=dict)  # published, e.g. {"imagenet-1k top-1": 80.38}
    largest_image: tuple[int, int] | None = None  # most rows and columns of the images it was trained with, if known

    def __post_init__(self) -> None:
        object.__setattr__(self, "build", MappingProxyType(dict(self.build)))
        object.__setattr__(self, "metrics", MappingProxyType(dict(self.metrics)))

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; `Card.from_json` gives an equal card."""
        plain = {**vars(self), "build": dict(self.build), "metrics": dict(self.metrics)}
        return {**plain, "input": asdict(self.input), "source": asdict(self.source)}

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> "Card":
        """What is stumbled over is raised as it is: KeyError, TypeError, ValueError."""
        plain: dict[str, Any] = dict(values)
        plain["classes"] = tuple(plain["classes"])
        if (largest := plain.get("largest_image")) is not None:
            plain["largest_image"] = tuple(largest)
        plain["source"] = Source(**plain["source"])
        pixels: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in plain["input"].items()}
        plain["input"] = Input(**pixels)
        return Card(**plain)

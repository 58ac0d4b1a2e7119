"""What a backbone says about itself before any image has passed."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Stage:
    """One named feature map: `channels` maps, `stride` input pixels apart."""

    name: str
    channels: int
    stride: int


@dataclass(frozen=True)
class Hidden:
    """The fully connected layer that some papers put between the pooling and the classifier."""

    channels: int
    activation: Literal["relu", "hard_swish"]

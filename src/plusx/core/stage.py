"""What a backbone says about itself before any image has passed."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """One named feature map: `channels` maps, `stride` input pixels apart."""

    name: str
    channels: int
    stride: int

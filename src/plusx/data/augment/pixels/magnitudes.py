"""How published policies turn a level, 0 to 1, into the value of an operation: one table each.

Values are those of `operations`: factors of brightness and its like, bits, thresholds, pixels, degrees.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from plusx.data.augment.pixels.operations import IDENTITY

Values: TypeAlias = NDArray[np.float64]


class Drawn(NamedTuple):
    """Of each image: level 0..1, sign −1 or 1; and the height and width of all, in pixels."""

    level: Values
    sign: Values
    height: int
    width: int


Magnitude: TypeAlias = Callable[[Drawn], Values]
Space: TypeAlias = Mapping[str, Magnitude]


def unused(drawn: Drawn) -> Values:
    """Of operations that have no strength."""
    return np.zeros_like(drawn.level)


def signed(most: float) -> Magnitude:
    """From 0 to ± `most`."""
    return lambda drawn: drawn.sign * most * drawn.level


def factor(most: float, least: float = 0.0) -> Magnitude:
    """From 1 to 1 ± `most`, not below `least`."""
    return lambda drawn: np.maximum(1 + drawn.sign * most * drawn.level, least)


def of_width(share: float) -> Magnitude:
    """From 0 to ± this share of the width, in pixels."""
    return lambda drawn: drawn.sign * share * drawn.width * drawn.level


def of_height(share: float) -> Magnitude:
    """From 0 to ± this share of the height, in pixels."""
    return lambda drawn: drawn.sign * share * drawn.height * drawn.level


def whole(magnitude: Magnitude) -> Magnitude:
    """Without the part behind the point."""
    return lambda drawn: np.trunc(magnitude(drawn))


def bits(most: int, fewest: int) -> Magnitude:
    """From `most` to `fewest` bits, rounded."""
    return lambda drawn: most - np.rint((most - fewest) * drawn.level)


def bits_up(most: int) -> Magnitude:
    """From `most` bits to none, rounded up: as timm has it."""
    return lambda drawn: most - np.trunc(most * drawn.level)


def threshold(drawn: Drawn) -> Values:
    """From 255 to 0: the higher the level, the more is inverted."""
    return 255 * (1 - drawn.level)


def threshold_up(drawn: Drawn) -> Values:
    """From 256 to 0 in whole steps: as timm has it."""
    return 256 - np.trunc(256 * drawn.level)


def amount(drawn: Drawn) -> Values:
    """From 0 to 110 (at level 1), in whole steps."""
    return np.minimum(np.trunc(110 * drawn.level), 127)


_COLOURS: Final = ("brightness", "saturation", "contrast", "sharpness")
_PLAIN: Final[Space] = {"autocontrast": unused, "equalize": unused}

AUTO: Final[Space] = {
    "shear-x": signed(0.3),
    "shear-y": signed(0.3),
    "translate-x": whole(of_width(150 / 331)),
    "translate-y": whole(of_height(150 / 331)),
    "rotate": signed(30),
    **dict.fromkeys(_COLOURS, factor(0.9)),
    "posterize": bits(8, 4),
    "solarize": threshold,
    **_PLAIN,
    "invert": unused,
}
"""AutoAugment's (Cubuk et al. 2019, Table 6), as torchvision has them; 150 of 331 pixels is their translation."""

PAPER: Final[Space] = {IDENTITY: unused, **{name: value for name, value in AUTO.items() if name != "invert"}}
"""The 14 operations of RandAugment (Cubuk et al. 2020, section 3), in AutoAugment's ranges; torchvision's."""

WIDE: Final[Space] = {
    **PAPER,
    "shear-x": signed(0.99),
    "shear-y": signed(0.99),
    "translate-x": whole(signed(32)),
    "translate-y": whole(signed(32)),
    "rotate": signed(135),
    **dict.fromkeys(_COLOURS, factor(0.99)),
    "posterize": bits(8, 2),
}
"""TrivialAugment's wide space (Müller and Hutter 2021, Table 1), as torchvision has it."""

INCREASING: Final[Space] = {
    "autocontrast": unused,
    "equalize": unused,
    "invert": unused,
    "rotate": signed(30),
    "posterize": bits_up(4),
    "solarize": threshold_up,
    "solarize-add": amount,
    **dict.fromkeys(("saturation", "contrast", "brightness", "sharpness"), factor(0.9, least=0.1)),
    "shear-x": signed(0.3),
    "shear-y": signed(0.3),
    "translate-x": of_width(0.45),
    "translate-y": of_height(0.45),
}
"""The 15 operations of timm's RandAugment with `inc1` (timm/data/auto_augment.py): stronger with the level, all."""

MIXING: Final[Space] = {
    **{name: value for name, value in AUTO.items() if name != "invert"},
    "translate-x": whole(of_width(1 / 3)),
    "translate-y": whole(of_height(1 / 3)),
    "posterize": bits(4, 0),
}
"""AugMix's (Hendrycks et al. 2020, appendix C, and their code), as torchvision has them."""

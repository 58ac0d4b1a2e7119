"""How a run changes its images and their size: as the recipe has it, or as the user says."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from plusx.core.errors import InputError
from plusx.core.sample import DENSE, Kind, Sample
from plusx.core.targets import Value
from plusx.data.augment.augment import BatchAugment
from plusx.data.augment.combine import members, without
from plusx.data.augment.cutmix import CutMix
from plusx.data.augment.mixup import Mixup
from plusx.data.augment.pixels.augmix import AugMix
from plusx.data.augment.pixels.auto_augment import AutoAugment
from plusx.data.augment.pixels.pixel_augment import PixelAugment
from plusx.data.augment.pixels.rand_augment import RandAugment
from plusx.data.augment.pixels.three_augment import ThreeAugment
from plusx.data.augment.pixels.trivial_augment import TrivialAugment
from plusx.data.augment.progressive import Progressive
from plusx.nn.losses.early_learning import EarlyLearning
from plusx.workflows.fit_settings import FitSettings

log = logging.getLogger("plusx")

AUGMENTATIONS: Final[Mapping[str, tuple[PixelAugment, ...]]] = {
    "off": (),
    "light": (RandAugment(count=1, magnitude=5),),
    "randaugment": (RandAugment(),),
    "trivial": (TrivialAugment(),),
    "auto-imagenet": (AutoAugment("imagenet"),),
    "auto-cifar10": (AutoAugment("cifar10"),),
    "auto-svhn": (AutoAugment("svhn"),),
    "augmix": (AugMix(),),
    "three": (ThreeAugment(),),
}
"""The words of `--augment`."""


def choose_pixels(asked: str | None, recipe: tuple[PixelAugment, ...], kind: Kind) -> tuple[PixelAugment, ...]:
    """The named one, or the recipe's. InputError where it would move images away from their boxes or masks."""
    chosen = recipe if asked is None else AUGMENTATIONS[asked]
    moving = [type(augment).__name__ for augment in chosen if augment.moves]
    if kind in DENSE and moving:
        named = "The recipe" if asked is None else f"--augment {asked}"
        still = ", ".join(name for name, parts in AUGMENTATIONS.items() if not any(part.moves for part in parts))
        raise InputError(
            f"{named} shears, shifts and turns images ({', '.join(moving)}), and boxes and masks would stay behind. "
            f"Of boxes and masks only colours may change: --augment {still}."
        )
    return chosen


def choose_progressive(asked: float | None, recipe: Progressive | None, kind: Kind) -> Progressive | None:
    """The recipe's, or from the share of the side that is asked for. InputError for boxes and masks."""
    chosen = recipe if asked is None else replace(recipe or Progressive(), first=asked)
    if chosen is None or chosen.first == 1:
        return None
    if kind in DENSE:
        named = "The recipe's progressive resizing" if asked is None else f"--progressive {asked:g}"
        raise InputError(
            f"{named} shrinks training images, and boxes and masks would keep their size. Take --image-size for "
            "smaller ones, or leave it away (--progressive 1)."
        )
    return chosen


MIXING: Final = (Mixup, CutMix)
"""They make one image of two."""


def mixing_in(augment: BatchAugment) -> list[str]:
    """The names of what mixes images."""
    return [type(member).__name__ for member in members(augment) if isinstance(member, MIXING)]


def choose_augment(settings: FitSettings, recipe: BatchAugment) -> BatchAugment:
    """The recipe's, without what mixes images where the user asks for a loss that remembers each of them."""
    mixing = mixing_in(recipe)
    if settings.losses != (EarlyLearning.name,) or not mixing:
        return recipe
    log.warning(
        "Left out of the recipe: %s. The loss %s remembers what was said of each image, and mixtures are none of them",
        " and ".join(mixing),
        EarlyLearning.name,
    )
    return without(recipe, lambda member: isinstance(member, MIXING))


def warn_of_mixed_counts(augment: BatchAugment, samples: Sequence[Sample]) -> None:
    """Where mixup is part of `augment`, and every value of the samples is a whole number: those look like counts."""
    if not any(isinstance(member, Mixup) for member in members(augment)):
        return
    values = [sample.target for sample in samples]
    if values and all(
        isinstance(value, Value) and all(float(one).is_integer() for one in value.values) for value in values
    ):
        log.warning(
            "mixup blends targets, and all of these are whole numbers, as counts are: a blend of 2 and 3 is trained as "
            "2.5, and predictions lie in between. Take a recipe without mixup where that is not wanted."
        )

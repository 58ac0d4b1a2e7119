"""The candidates of a run with a time limit, the cheapest first; what the user gave is kept."""

import math
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Final

from plusx.backbones.catalogue import architecture
from plusx.core.card import Card
from plusx.core.sample import DENSE
from plusx.weights.create import card_for
from plusx.weights.download import local_path
from plusx.weights.resolve import published_card
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.preparation import Prepared

NETWORKS: Final = ("resnet18", "resnet50")
TINY: Final = "resnet20"  # for images of 32 pixels
SMALL: Final = 64
SIZES: Final = {False: (64, 96, 128, 160, 192, 224), True: (128, 192, 256, 320)}
"""Pixels of a side of the input, by whether targets have places in the image."""
SHARES: Final = (0.5, 0.75, 1.0)
"""Of the input that pretrained weights were made for."""


def ladder(settings: FitSettings, prepared: Prepared, given: AbstractSet[str]) -> list[FitSettings]:
    """Larger inputs first, then deeper networks at the largest input. given: the settings that the user wrote."""
    models, dense = networks(settings, given), prepared.listing.kind in DENSE
    if settings.image_size is not None:
        return [replace(settings, model=model) for model in models]
    origin = card_for(models[0], settings.weights)
    native = max((max(size) for size in prepared.audit.sizes), default=max(SIZES[dense]))
    if origin is not None and not dense:
        return _rungs(settings, models, pretrained_sizes(origin))
    if not dense and min(native, architecture(models[0]).size) <= SMALL:
        return for_small_images(settings, models, native, given)
    sizes = [size for size in SIZES[dense] if size < native + 32] or SIZES[dense][:1]
    rungs = _rungs(settings, models, sizes)
    if settings.small_input == "auto" and not dense:  # built for small images, a network for 64 pixels costs as for 224
        return [replace(rung, small_input="no") if rung.image_size == SMALL else rung for rung in rungs]
    return rungs


def networks(settings: FitSettings, given: AbstractSet[str]) -> tuple[str, ...]:
    """The user's, or `NETWORKS`; with published weights only those that are here already, or else the first."""
    if "model" in given or settings.weights not in (None, "imagenet"):
        return (settings.model,)
    if settings.weights is None:
        return NETWORKS
    cards = {name: published_card(name, settings.weights) for name in NETWORKS}
    return tuple(name for name, card in cards.items() if _is_here(card, settings)) or NETWORKS[:1]


def pretrained_sizes(origin: Card) -> list[int]:
    """Up to that of the weights, in steps of 32 pixels."""
    usual = min(origin.input.size)
    return sorted({min(usual, max(SMALL, round(share * usual / 32) * 32)) for share in SHARES})


def for_small_images(
    settings: FitSettings, models: Sequence[str], native: int, given: AbstractSet[str]
) -> list[FitSettings]:
    """They are neither shrunk nor enlarged."""
    side = min(SMALL, max(32, math.ceil(native / 32) * 32))
    first = [replace(settings, model=TINY, image_size=32)] if "model" not in given and side == 32 else []
    return [*first, replace(settings, model=models[0], image_size=side)]


def _rungs(settings: FitSettings, models: Sequence[str], sizes: Sequence[int]) -> list[FitSettings]:
    pairs = [*((models[0], size) for size in sizes), *((model, sizes[-1]) for model in models[1:])]
    return [replace(settings, model=model, image_size=size) for model, size in pairs]


def _is_here(card: Card | None, settings: FitSettings) -> bool:
    return card is not None and local_path(card, settings.weights_dir).is_file()

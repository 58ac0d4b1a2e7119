"""Whether training images are kept decoded, how large, and where."""

import logging
import math
from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np

from plusx.core.errors import StorageError
from plusx.core.sample import DENSE, Sample
from plusx.data.kept_pixels import KeptPixels, kept_size, side_for
from plusx.data.transforms import TrainTransformConfig
from plusx.workflows.building import Design
from plusx.workflows.contents import comparable, contents
from plusx.workflows.kept_directory import IMAGES, place_of, room_for
from plusx.workflows.preparation import Prepared
from plusx.workflows.settling import Job

log = logging.getLogger("plusx")

Sizes: TypeAlias = Sequence[tuple[int, int]]

FORM: Final = 1
"""Of what is kept; another one where images would be shrunk otherwise."""

LEAST_GAIN: Final = 4.0
"""Times as many pixels as are kept that files have to have, for images to be kept without being asked for."""

LARGE: Final = 1e6
"""Pixels that images have to have then, on average: smaller ones are decoded in little time."""


def settle_side(job: Job, prepared: Prepared, made: Design) -> int:
    """Pixels of the shorter side of images that are kept; 0: none are. As the run began, or by its settings."""
    if job.saved is not None:
        return int(job.saved.get("kept_side", 0))
    settings, transform = job.settings, made.recipe.transform
    known = all(map(_in_files, prepared.listing.splits["train"]))
    if settings.cache == "none" or made.recipe.plan.epochs < 2 or not known:
        return 0
    if prepared.listing.kind in DENSE or not isinstance(transform, TrainTransformConfig):
        if settings.cache == "decoded":
            log.warning("--cache decoded is for targets of whole images: boxes and masks move with theirs. Without it.")
        return 0
    sizes, size = training_sizes(prepared), max(made.shown.size)
    side = side_for(size, transform.scale[0], transform.ratio)
    files = sum(height * width for height, width in sizes)
    kept = sum(math.prod(kept_size(*one, side)) for one in sizes)
    if settings.cache == "auto" and (files < LEAST_GAIN * kept or files < LARGE * len(sizes)):
        return 0
    room = IMAGES * room_for(settings)
    if kept * made.shown.channels <= room:
        return side
    if settings.cache == "decoded":
        log.warning(
            "--cache decoded would take %.1f GB, and %.1f GB may be taken: images are decoded in every epoch. Allow "
            "more with --cache-limit, or name another disk with PLUSX_CACHE.",
            kept * made.shown.channels / 1e9,
            room / 1e9,
        )
    return 0


def _in_files(sample: Sample) -> bool:
    """Not arrays, which are decoded; nor the items of a user's own data set, which may be other pictures each time."""
    return comparable(sample) and not isinstance(sample.image, np.ndarray)


def training_sizes(prepared: Prepared) -> Sizes:
    """Height and width of the images of the training split, as the audit read them."""
    facts = {(image.split, image.sample.name): image.facts for image in prepared.audit.images}
    found = [facts["train", sample.name] for sample in prepared.listing.splits["train"]]
    return [(one.height, one.width) for one in found]


def kept_pixels(side: int, prepared: Prepared, made: Design) -> KeptPixels | None:
    """None where nothing is kept."""
    if side == 0:
        return None
    channels = made.shown.channels
    try:
        directory = place_of(f"{FORM} {contents(prepared.digests)} {side} {channels}")
    except StorageError:
        return None
    return KeptPixels(directory, training_sizes(prepared), side, channels)

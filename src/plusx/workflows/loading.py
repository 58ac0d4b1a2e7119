"""From samples to batches on the device, for training and for measuring."""

import logging
import os
from collections.abc import Sequence
from dataclasses import replace

import torch

from plusx.core.batch import Batch
from plusx.core.card import Input
from plusx.core.errors import InputError
from plusx.core.ranks import ALONE, Ranks
from plusx.core.sample import Listing, Sample
from plusx.data.augment.pixels.pixel_augment import in_turn
from plusx.data.batching import Dealt, Divided
from plusx.data.encode import encoder
from plusx.data.formats.shard_table import runs
from plusx.data.jitter import JitterTransform
from plusx.data.kept_pixels import KeptPixels
from plusx.data.loader import Loader
from plusx.data.mosaic import Mix
from plusx.data.processes import forking, hindrance
from plusx.data.sampler import Order, Repeated, Shuffled, Windowed, balanced
from plusx.data.transforms import EvalTransform, Transform
from plusx.engine.membership import of_environment
from plusx.engine.parts import Prepare, Resize
from plusx.nn.preprocess import Normalise
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.recipes.recipe import Recipe

log = logging.getLogger("plusx")


def training_batches(
    listing: Listing,
    input: Input,  # noqa: A002
    recipe: Recipe,
    settings: FitSettings,
    ranks: Ranks = ALONE,
    *,
    changed: bool = True,
    kept: KeptPixels | None = None,
) -> Loader:
    """Batches of the training split, shuffled or drawn by class, cut and coloured by the recipe; not `changed`: each
    image as it will be predicted."""
    samples = listing.splits["train"]
    sampling = settings.balance == "sampling" and listing.kind in ("label", "labels")
    order = balanced([s.target for s in samples], settings.seed) if sampling else shuffled(samples, settings.seed)
    order = order if recipe.repeats == 1 else Repeated(order, recipe.repeats)
    transform = recipe.transform.build(input) if changed else EvalTransform(input)
    return Loader(
        samples,
        transform,
        encode=encoder(listing.kind, len(listing.classes)),
        batching=Divided(recipe.batch_size, order, ranks),
        workers=loading_processes(settings.workers),
        seed=settings.seed,
        mix=mix_of(recipe, transform),
        kept=kept,
    )


def shuffled(samples: Sequence[Sample], seed: int) -> Order:
    """All of them once, in an order that their place allows: shards are read a few at a time."""
    in_shards = runs(samples)
    return Shuffled(seed) if in_shards is None else Windowed(in_shards, seed)


def mix_of(recipe: Recipe, transform: Transform) -> Mix | None:
    """What makes pictures of several samples, where the recipe has any."""
    if recipe.mix is None:
        return None
    assert isinstance(transform, JitterTransform), "parts of a mosaic are shown through scale jitter"
    return Mix(recipe.mix, transform, recipe.plan.epochs)


def measuring_batches(
    listing: Listing,
    split: str,
    input: Input,  # noqa: A002
    batch_size: int,
    workers: int | None,
    ranks: Ranks = ALONE,
    *,
    mirrored: bool = False,
) -> Loader:
    """Batches of a split in its own order, as prediction and exported files see the images, or their mirror images."""
    return Loader(
        listing.splits[split],
        EvalTransform(input, mirrored=mirrored),
        encode=encoder(listing.kind, len(listing.classes)),
        batching=Dealt(batch_size, ranks),
        workers=loading_processes(workers),
    )


def loading_processes(asked: int | None) -> int:
    """As many as asked; else one for every two cores, at most 8, or with a warning none where none can be started.

    None either where a process is not copied but started afresh (macOS, Windows): it would run the user's script again
    from its first line, `fit` and all, unless the script is written for that. InputError where some are asked for and
    none can be started.
    """
    if asked is None and forking() is None:
        return 0
    if asked == 0 or (why := hindrance()) is None:
        return asked if asked is not None else min(8, (os.cpu_count() or 1) // (2 * processes_here()))
    if asked is not None:
        raise InputError(f"No processes that load images can be started here ({why}). Say --workers 0.")
    log.warning("Images are loaded in this process, which is slower: no others can be started here (%s).", why)
    return 0


def processes_here() -> int:
    """How many train together on this machine and share its cores."""
    membership = of_environment()
    return 1 if membership is None else membership.local_world


def preparation(input: Input, recipe: Recipe | None = None) -> Prepare:  # noqa: A002
    """What happens to a batch on its device: normalise; before and after it augment as the recipe says, when there
    is one."""
    normalise = Normalise(input)

    def prepare(batch: Batch, generator: torch.Generator) -> Batch:
        images = in_turn(recipe.pixels, batch.images, generator) if recipe else batch.images
        normal = replace(batch, images=normalise.to(images.device)(images))
        return recipe.augment.apply(normal, generator) if recipe else normal

    return prepare


def resizing(recipe: Recipe) -> Resize | None:
    """How the size of training images changes over the run, where the recipe has it so."""
    return None if recipe.progressive is None else recipe.progressive.apply

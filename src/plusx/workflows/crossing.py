"""Probabilities for every image by models that were not trained on it: one training for each fold."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from plusx.core.errors import InterruptedRunError
from plusx.core.sample import Listing, Sample
from plusx.core.storage import replacing
from plusx.data.units import Copies
from plusx.engine.evaluate import collect
from plusx.engine.interrupt import Interrupt
from plusx.engine.parts import TrainParts
from plusx.engine.placement import Placement
from plusx.engine.progress import Progress
from plusx.engine.train import train
from plusx.workflows.building import Sizes, design
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.loading import measuring_batches, preparation, resizing, training_batches


@dataclass(frozen=True)
class Crossing:
    """What all folds have in common."""

    listing: Listing
    settings: FitSettings
    sizes: Sizes
    placement: Placement
    directory: Path
    console: Console
    copies: Copies = ()


def crossed(crossing: Crossing, samples: Sequence[Sample], parts: Sequence[Sequence[int]]) -> NDArray[np.float32]:
    """(N, K), in the order of `samples`. Folds that were done before, by the same settings, are taken from their files.

    InterruptedRunError after Ctrl-C; the folds that are done are kept.
    """
    found: NDArray[np.float32] = np.zeros((len(samples), len(crossing.listing.classes)), np.float32)
    for number, part in enumerate(parts, start=1):
        file = crossing.directory / f"fold-{number}-of-{len(parts)}-{fold_digest(crossing.settings, samples, part)}.npy"
        if file.is_file() and (kept := np.load(file)).shape == (len(part), found.shape[1]):
            crossing.console.print(f"fold {number} of {len(parts)}: done before", highlight=False)
            found[list(part)] = kept
            continue
        crossing.console.print(f"fold {number} of {len(parts)}", highlight=False)
        held = set(part)
        train_on = tuple(sample for position, sample in enumerate(samples) if position not in held)
        answers = answers_of_fold(crossing, train_on, tuple(samples[position] for position in part))
        with replacing(file) as temporary:
            np.save(temporary, answers)
        found[list(part)] = answers
    return found


def fold_digest(settings: FitSettings, samples: Sequence[Sample], part: Sequence[int]) -> str:
    """What a fold's answers depend on: answers of a call with other settings are not taken for it."""
    names = [sample.name for sample in samples]
    text = repr((replace(settings, workers=None), names, list(part)))
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:8]


def answers_of_fold(crossing: Crossing, train_on: tuple[Sample, ...], asked: tuple[Sample, ...]) -> NDArray[np.float32]:
    """Trains to the end, for the best epoch would be chosen by the images that are asked about."""
    listing = crossing.listing.with_splits({"train": train_on, "val": asked})
    made = design(crossing.settings, listing, crossing.sizes)
    recipe, card, settings = made.recipe, made.card, crossing.settings
    batches = training_batches(listing, made.shown, recipe, settings)
    with TemporaryDirectory(dir=crossing.directory, prefix=".fold-") as temporary, Interrupt() as interrupt:
        parts = TrainParts(
            prepare=preparation(card.input, recipe),
            resize=resizing(recipe),
            directory=Path(temporary),
            observers=(Progress(crossing.console),),
            interrupt=interrupt,
        )
        outcome = train(made.task, batches, recipe.plan, crossing.placement, parts=parts)
    if outcome.stopped == "interrupted":
        raise InterruptedRunError("Stopped; the folds that are done are kept. Go on with the same command.")
    asking = measuring_batches(listing, "val", card.input, recipe.batch_size, settings.workers)
    collected = collect(made.task, asking, crossing.placement, preparation(card.input))
    return made.task.decode(collected.outputs)[collected.indices.argsort()].numpy()


def with_own(settings: FitSettings, saved: dict[str, Any], **changes: Any) -> FitSettings:
    """The run's settings, with what it settled by itself: input, form of the network, epochs, size of the batches."""
    card, plan = saved["card"], saved["plan"]
    form = "yes" if card["build"].get("small_input") else settings.small_input
    own: dict[str, Any] = {"image_size": card["input"]["size"][0], "image_fit": card["input"]["fit"]}
    own |= {"small_input": form, "epochs": plan["epochs"], "batch_size": saved["batch_size"], "patience": None}
    return replace(settings, **own | changes)

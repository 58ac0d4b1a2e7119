"""The margins of all images after each epoch of one training, in which a few are a class that is made up."""

import hashlib
import json
import shutil
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from plusx.core.errors import InputError, InterruptedRunError, StorageError
from plusx.core.sample import Listing, Sample
from plusx.core.storage import replacing, write_text
from plusx.core.targets import Label
from plusx.core.task import Task
from plusx.data.confident import Indices, Probabilities
from plusx.data.trajectory import Trajectory
from plusx.engine import checkpoint
from plusx.engine.evaluate import collect
from plusx.engine.interrupt import Interrupt
from plusx.engine.observer import BeginInfo, Silent
from plusx.engine.parts import TrainParts
from plusx.engine.progress import Progress
from plusx.engine.train import train
from plusx.workflows.building import design
from plusx.workflows.crossing import Crossing
from plusx.workflows.loading import measuring_batches, preparation, resizing, training_batches

MADE_UP: Final = "(made up by plusx)"
RESULT: Final = "trajectory.npz"
UNDER_WAY: Final = ".trajectory"  # checkpoints and sums of the training that goes on


@dataclass(frozen=True)
class Asked:
    """All images that are asked about. labels: (N,), as given; threshold_samples: positions of those that are trained
    as the class that is made up."""

    samples: Sequence[Sample]
    labels: Indices
    threshold_samples: Indices


def followed(crossing: Crossing, asked: Asked) -> Trajectory:
    """Trains once on all images, to the end, and asks about all of them after each epoch.

    A training that was done before is taken from its file and one that was stopped goes on, where images, labels and
    settings are the same. InterruptedRunError after Ctrl-C.
    """
    file, directory, key = crossing.directory / RESULT, crossing.directory / UNDER_WAY, key_of(crossing, asked)
    found = read_sums(file, key)
    if found is not None:
        crossing.console.print("training: done before", highlight=False)
        return found
    going_on = begun_before(directory, key)
    crossing.console.print(costs(crossing, asked, going_on), highlight=False)
    found = trained(crossing, asked, Follower(directory, asked, len(crossing.listing.classes), key), going_on)
    write_sums(file, found, key)
    shutil.rmtree(directory, ignore_errors=True)
    return found


def trained(crossing: Crossing, asked: Asked, follower: "Follower", going_on: bool) -> Trajectory:
    """Of the last epoch."""
    listing, settings = with_made_up(crossing.listing, asked), crossing.settings
    made = design(settings, listing, crossing.sizes)
    recipe, card = made.recipe, made.card
    batches = training_batches(listing, made.shown, recipe, settings)
    with Interrupt() as interrupt:
        every = interrupt.watching(measuring_batches(listing, "val", card.input, recipe.batch_size, settings.workers))

        def judge(task: Task) -> dict[str, float]:
            collected = collect(task, every, crossing.placement, preparation(card.input))
            return follower.add(collected.outputs[collected.indices.argsort()].double().numpy())

        parts = TrainParts(
            prepare=preparation(card.input, recipe),
            resize=resizing(recipe),
            directory=follower.directory,
            evaluate=judge,
            primary="margin",
            observers=(follower, Progress(crossing.console)),
            interrupt=interrupt,
            checkpoint_minutes=settings.checkpoint_minutes,
        )
        outcome = train(made.task, batches, recipe.plan, crossing.placement, parts=parts, resume=going_on)
    if outcome.stopped == "interrupted":
        raise InterruptedRunError("Stopped; what was trained is kept. Go on with the same command.")
    return follower.sums


def with_made_up(listing: Listing, asked: Asked) -> Listing:
    """To train on: all images, the threshold samples as one more class. To ask about (val): all as they are."""
    changed = list(asked.samples)
    for position in asked.threshold_samples:
        changed[position] = replace(changed[position], target=Label(len(listing.classes)))
    wider = replace(listing, classes=(*listing.classes, MADE_UP))
    return wider.with_splits({"train": tuple(changed), "val": tuple(asked.samples)})


def costs(crossing: Crossing, asked: Asked, going_on: bool) -> str:
    """What is ahead, in a line."""
    count, images = crossing.settings.epochs, len(asked.samples)
    epochs = f"{count} epoch{'' if count == 1 else 's'}"
    return (
        f"{'going on with ' if going_on else ''}one training of {epochs} on {images} images, "
        f"{len(asked.threshold_samples)} of them as a class that is made up, and a pass over all after each epoch: "
        "about a third more than the training alone"
    )


class Follower(Silent):
    """Adds up the margins, and keeps the sums of the last epochs, those that a checkpoint may go on from."""

    def __init__(self, directory: Path, asked: Asked, classes: int, key: str) -> None:
        self.directory, self._asked, self._key = directory, asked, key
        self.sums = Trajectory.none(len(asked.samples), classes)

    def on_begin(self, info: BeginInfo) -> None:
        """Takes up the sums of the epochs that are done."""
        if info.epoch == 0:
            return
        found = read_sums(self._file(info.epoch), self._key)
        if found is None:
            raise InputError(
                f"{self._file(info.epoch)} is not there or damaged. Delete {self.directory} to begin anew."
            )
        self.sums = found

    def add(self, logits: Probabilities) -> dict[str, float]:
        """An epoch's (N, c + 1); gives the mean margin so far."""
        self.sums = self.sums.after(logits, self._asked.labels, self._asked.threshold_samples)
        write_sums(self._file(self.sums.epochs), self.sums, self._key)
        self._file(self.sums.epochs - checkpoint.KEEP - 1).unlink(missing_ok=True)
        return {"margin": float(self.sums.trained.mean()) / self.sums.epochs}

    def _file(self, epoch: int) -> Path:
        return self.directory / f"sums-{epoch}.npz"


def begun_before(directory: Path, key: str) -> bool:
    """Whether `directory` holds this very training, begun; else it is made anew. StorageError."""
    file = directory / "key"
    try:
        if file.is_file() and file.read_text(encoding="utf-8") == key:
            return True
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(f"{directory} could not be created: {reason}. Give another place with --out.") from error
    write_text(file, key)
    return False


def key_of(crossing: Crossing, asked: Asked) -> str:
    """A digest of images, labels and settings: what has to be the same to go on."""
    own = {name: value for name, value in asdict(crossing.settings).items() if name != "workers"}
    digest = hashlib.sha256(json.dumps(own, sort_keys=True, default=str).encode())
    for sample, label in zip(asked.samples, asked.labels.tolist(), strict=True):
        digest.update(f"{sample.name}\0{label}\n".encode("utf-8", "surrogateescape"))
    digest.update(asked.threshold_samples.astype(np.int64).tobytes())
    return digest.hexdigest()


def write_sums(file: Path, sums: Trajectory, key: str) -> None:
    with replacing(file) as temporary:
        np.savez(temporary, key=np.array(key), **vars(sums))


def read_sums(file: Path, key: str) -> Trajectory | None:
    """None where there are none, or others than those of `key`."""
    try:
        with np.load(file) as kept:
            if str(kept["key"]) != key:
                return None
            return Trajectory(int(kept["epochs"]), kept["trained"], kept["given"], kept["logits"])
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None

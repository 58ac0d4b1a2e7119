"""What is done to the weights when all is trained: mixed with those of the start, statistics taken anew."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import final

from torch import Tensor

from plusx.adapt.wise_ft import best_alpha, interpolated
from plusx.core.errors import InputError
from plusx.core.sample import Listing
from plusx.core.task import Task
from plusx.engine.evaluate import evaluate
from plusx.engine.modes import batch_norms
from plusx.engine.observer import EpochInfo, Silent
from plusx.engine.parts import Outcome
from plusx.engine.placement import Placement, place
from plusx.weights.modelfile import write_tensors
from plusx.weights.reading import read_checkpoint
from plusx.workflows.building import Design
from plusx.workflows.directory import RunDirectory
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.loading import measuring_batches, preparation
from plusx.workflows.norm_statistics import moving_norms, taken_anew
from plusx.workflows.scoring import goal

log = logging.getLogger("plusx")


def start_file(run: RunDirectory) -> Path:
    """The weights of the moment when the backbone joined."""
    return run.checkpoints / "start.safetensors"


@final
class KeepsStart(Silent):
    """Writes the weights at the end of the `epochs` for the head alone, before the checkpoint that says that they are
    over: a run that goes on after them finds the file."""

    def __init__(self, task: Task, epochs: int, file: Path) -> None:
        self.task, self.epochs, self.file = task, epochs, file

    def on_epoch(self, info: EpochInfo) -> None:
        if info.epoch == self.epochs:
            write_tensors(self.file, self.task.state_dict(), {"format": "pt"})


@dataclass(frozen=True)
class Finish:
    """A trained design, the images to judge and to take statistics from, and how."""

    made: Design
    listing: Listing
    placement: Placement
    settings: FitSettings

    @property
    def loading(self) -> tuple[int, int | None]:
        """Images of a batch, and processes that load."""
        return self.made.recipe.batch_size, self.settings.workers

    def score(self) -> tuple[str, float, int]:
        """The metric that counts on the validation images, its value, and the sign by which more is better."""
        card = self.made.card
        metric, higher_is_better = goal(self.made.task, self.settings.metric)
        batches = measuring_batches(self.listing, "val", card.input, *self.loading)
        value = evaluate(self.made.task, batches, self.placement, preparation(card.input))[metric]
        return metric, value, 1 if higher_is_better else -1


def last_touches(run: RunDirectory, work: Finish, outcome: Outcome) -> Outcome:
    """The weights of the design as `--wise` and `--norm reestimated` ask for; the outcome with notes about it."""
    told = []
    if work.settings.wise is not None:
        told.append(mixed_with_start(start_file(run), work, outcome))
    if work.settings.norm == "reestimated":
        told.append(with_new_statistics(work))
    for text in told:
        log.info("%s", text)
    notes = [{"epoch": outcome.epochs_done, "step": outcome.steps_done, "text": text} for text in told]
    return replace(outcome, notes=(*outcome.notes, *notes))


def mixed_with_start(file: Path, work: Finish, outcome: Outcome) -> str:
    """WiSE-FT: the task gets weights between those in `file` and its own; says which. InputError without the file."""
    made, wise = work.made, work.settings.wise
    assert wise is not None
    frozen = made.recipe.plan.frozen_epochs
    if outcome.epochs_done <= frozen:
        return f"--wise {wise} changed nothing: only the head has been trained, for {outcome.epochs_done} epochs."
    if 0 < outcome.best_epoch <= frozen:
        return f"--wise {wise} changed nothing: the best epoch was {outcome.best_epoch}, when only the head had learnt."
    if not file.is_file():
        raise InputError(
            f"--wise mixes with the weights in {file}, and that file is gone. Restore it, or begin a new run."
        )
    place(made.task, work.placement)
    tuned = {name: tensor.detach().clone() for name, tensor in made.task.state_dict().items()}
    start = {name: tensor.to(tuned[name].device) for name, tensor in read_checkpoint(file).tensors.items()}

    def score_of(alpha: float) -> float:
        take(work, start, tuned, alpha)
        _, value, sign = work.score()
        return sign * value

    if wise != "auto":
        metric, before, _ = work.score()
        take(work, start, tuned, wise)
        return (
            f"weights: {1 - wise:g} of those when the backbone joined, {wise:g} of the fine-tuned ones (WiSE-FT): "
            f"{metric} {before:.4f} → {work.score()[1]:.4f}"
        )
    metric, _, sign = work.score()
    alpha, scores = best_alpha(score_of)
    take(work, start, tuned, alpha)
    listed = ", ".join(f"{a:g}: {sign * score:.4f}" for a, score in scores.items())
    return f"weights: the fine-tuned ones' share with the best {metric} is {alpha:g} (WiSE-FT; {listed})"


def take(work: Finish, start: Mapping[str, Tensor], tuned: Mapping[str, Tensor], alpha: float) -> None:
    """The task gets the mixture; BatchNorms whose statistics had moved get those of its maps. The ends have theirs."""
    task = work.made.task
    task.load_state_dict(interpolated(start, tuned, alpha))
    if 0 < alpha < 1:
        norms = moving_norms(task, [start, tuned], fixed=True)
        taken_anew(task, norms, work.listing, work.made.card.input, work.placement, work.loading)


def with_new_statistics(work: Finish) -> str:
    """BatchNorm's statistics over the training images as they are shown in evaluation; says what it changed."""
    task = work.made.task
    metric, before, _ = work.score()
    norms = batch_norms(task)
    seen = taken_anew(task, norms, work.listing, work.made.card.input, work.placement, work.loading)
    if not seen:
        return "--norm reestimated changed nothing: the network has no BatchNorm."
    _, after, _ = work.score()
    return f"BatchNorm statistics taken anew from {seen} training images: {metric} {before:.4f} → {after:.4f}"

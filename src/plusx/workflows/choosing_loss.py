"""Which loss of classes a run learns by: the user's, else the recipe's, told how many images each class has."""

import logging
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, Final

from plusx.core.errors import InputError, unknown
from plusx.nn.losses.class_balanced import ClassBalanced
from plusx.nn.losses.create import LOSSES, LOSSES_OF_SEVERAL
from plusx.nn.losses.cross_entropy import CrossEntropy
from plusx.nn.losses.early_learning import EarlyLearning
from plusx.nn.losses.loss import Counting, Loss
from plusx.nn.segmentation.losses import OF_AREAS, OF_PIXELS
from plusx.workflows.augmenting import mixing_in
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.recipes.recipe import Recipe

log = logging.getLogger("plusx")

CHOICES: Final = {"classify": LOSSES, "multilabel": LOSSES_OF_SEVERAL}
"""Task → its losses by name."""


def check_losses(task: str, names: Sequence[str] | None) -> None:
    """InputError for names that the task, "auto" any task, does not have, and for several where it takes one.

    Those of masks are checked with their head.
    """
    if task == "auto":
        every = dict.fromkeys((*LOSSES, *OF_PIXELS, *OF_AREAS))
        for name in names or ():
            if name not in every:
                raise unknown("loss", name, every)
    if names is None or task not in CHOICES:
        return
    if len(names) != 1:
        raise InputError(f"--losses: the task {task} takes one loss; found {', '.join(names)}. Name one of them.")
    if names[0] not in CHOICES[task]:
        raise unknown(f"loss of the task {task}", names[0], CHOICES[task])


def choose_loss(task: str, recipe: Recipe, settings: FitSettings, counts: Sequence[int]) -> Loss | None:
    """None: the task's usual one, with the recipe's label smoothing. counts: training images of each class.

    InputError for a loss that the task has not, for several, and for one that evens out classes besides --balance, or
    remembers images that the recipe mixes.
    """
    loss = _fitting(task, recipe.loss) if settings.losses is None else _asked(task, settings.losses, recipe)
    if loss is None:
        return None
    if isinstance(loss, Counting) and settings.balance != "none":
        raise InputError(
            f"--balance {settings.balance} and the loss {loss.name} both even out classes of unequal size; together "
            "they would do it twice. Leave one away."
        )
    if isinstance(loss, EarlyLearning) and (mixing := mixing_in(recipe.augment)):
        raise InputError(
            f"The loss {loss.name} remembers what was said of each image, and {' and '.join(mixing)} of the recipe "
            "would show it mixtures. Leave one of them away."
        )
    return loss.counted(counts)


def _fitting(task: str, loss: Loss | None) -> Loss | None:
    """The recipe's loss, where the task can have it."""
    if loss is None or loss.name in CHOICES[task]:
        return loss
    log.warning("The recipe's loss %s is for one class an image: the task %s takes its usual one", loss.name, task)
    return None


def _asked(task: str, names: Sequence[str], recipe: Recipe) -> Loss:
    """The loss that the user named: as the recipe has it set where it is the recipe's, else with its smoothing."""
    check_losses(task, names)
    [name] = names
    if recipe.loss is not None and recipe.loss.name == name:
        return recipe.loss
    smoothing = _smoothing(recipe)
    kind: Any = CHOICES[task][name]
    if any(field.name == "smoothing" for field in fields(kind)):
        return kind(smoothing=smoothing)
    if kind is ClassBalanced:
        return ClassBalanced(of=CrossEntropy(smoothing))
    if smoothing:
        log.warning("The recipe's label smoothing of %g has no effect: the loss %s has none", smoothing, name)
    return kind()


def _smoothing(recipe: Recipe) -> float:
    return recipe.label_smoothing if recipe.loss is None else getattr(recipe.loss, "smoothing", 0.0)

"""What the task is told: the user's settings for it, and what only the training images can tell."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from plusx.core.sample import DENSE, Listing, Sample
from plusx.core.targets import Label, Labels, Value
from plusx.nn.losses.create import to_json
from plusx.tasks.imbalance import balanced_class_weights, balanced_positive_weights
from plusx.workflows.choosing_loss import choose_loss
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.recipes.recipe import Recipe

log = logging.getLogger("plusx")

SUPPRESSING = ("suppression", "iou")
"""Settings of the task detect alone, by the same names there."""


def task_config(name: str, listing: Listing, recipe: Recipe, settings: FitSettings) -> Mapping[str, Any]:
    """The task's own settings, with what only the training images can tell."""
    train = listing.splits["train"]
    if settings.head is not None and listing.kind not in DENSE:
        log.warning("--head %s has no effect: the task is %s, which has one head", settings.head, name)
    if settings.losses and name in ("detect", "regress"):
        log.warning("--losses has no effect: the task is %s, which has its own", name)
    if settings.auxiliary and name not in ("segment", "multilabel-segment"):
        log.warning("--auxiliary has no effect: the task is %s, not segment", name)
    for word in SUPPRESSING if name != "detect" else ():
        if getattr(settings, word) is not None:
            log.warning("--%s has no effect: the task is %s, not detect", word, name)
    counts = class_counts(train, len(listing.classes))
    match name:
        case "classify":
            weights = balanced_class_weights(counts) if settings.balance == "weights" else None
            said = {"classes": list(listing.classes), "dropout": recipe.dropout, "class_weights": weights}
            return said | loss_config(name, recipe, settings, counts)
        case "multilabel":
            weights = balanced_positive_weights(counts, len(train)) if settings.balance == "weights" else None
            said = {"classes": list(listing.classes), "dropout": recipe.dropout, "positive_weights": weights}
            return said | loss_config(name, recipe, settings, counts)
        case "detect" | "segment" | "multilabel-segment":
            if settings.balance != "none":
                log.warning("--balance %s has no effect on boxes and masks", settings.balance)
            return {"classes": list(listing.classes), **head_config(name, settings)}
        case _:
            if settings.balance != "none":
                log.warning("--balance %s has no effect on numbers", settings.balance)
            mean, std = standardisation(train)
            return {"columns": list(listing.classes), "dropout": recipe.dropout, "mean": mean, "std": std}


def loss_config(name: str, recipe: Recipe, settings: FitSettings, counts: Sequence[int]) -> dict[str, Any]:
    """The loss of the task classify or multilabel, or the label smoothing of its usual one."""
    loss = choose_loss(name, recipe, settings, counts)
    if loss is not None:
        return {"loss": to_json(loss)}
    return {"label_smoothing": recipe.label_smoothing} if name == "classify" else {}


def head_config(name: str, settings: FitSettings) -> dict[str, Any]:
    """What the user said of the head of a dense task and of its losses."""
    said: dict[str, Any] = {} if settings.head is None else {"head": settings.head}
    if name != "detect":
        said |= {} if settings.losses is None else {"losses": list(settings.losses)}
        said |= {"auxiliary": True} if settings.auxiliary else {}
        return said
    return said | {word: value for word in SUPPRESSING if (value := getattr(settings, word)) is not None}


def class_counts(samples: Sequence[Sample], classes: int) -> list[int]:
    """How many images have each class; all 0 for values."""
    counts = [0] * classes
    for sample in samples:
        match sample.target:
            case Label(index):
                counts[index] += 1
            case Labels(indices):
                for index in indices:
                    counts[index] += 1
    return counts


def standardisation(samples: Sequence[Sample]) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each column over the training images; 1 where a column never changes."""
    values = torch.tensor([s.target.values for s in samples if isinstance(s.target, Value)], dtype=torch.float64)
    std = values.std(dim=0, correction=0)
    return values.mean(dim=0).tolist(), torch.where(std > 0, std, 1.0).tolist()

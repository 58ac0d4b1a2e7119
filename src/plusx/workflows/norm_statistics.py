"""BatchNorm's statistics over the training images, shown as in evaluation, when a training is over."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from plusx.core.card import Input
from plusx.core.sample import Listing
from plusx.core.task import Task
from plusx.engine.averages.reestimate import ENOUGH, reestimate
from plusx.engine.modes import BATCH_NORMS
from plusx.engine.placement import Placement, place
from plusx.workflows.loading import measuring_batches, preparation


def taken_anew(
    task: Task,
    norms: Sequence[nn.Module],
    listing: Listing,
    input: Input,  # noqa: A002
    placement: Placement,
    loading: tuple[int, int | None],
) -> int:
    """Statistics of `norms` over the training images of `listing`; how many they are of, 0 without norms.

    loading: images of a batch, and processes that load.
    """
    if not norms:
        return 0
    place(task, placement)
    prepare, unused = preparation(input), torch.Generator(placement.device)
    batches = measuring_batches(mixed(listing), "train", input, *loading)
    images = (prepare(batch.to(placement.device), unused).images for batch in batches.epoch(0))
    return reestimate(task, norms, images, placement.autocast())


def moving_norms(task: Task, weights: Sequence[Mapping[str, Tensor]], *, fixed: bool) -> list[Any]:
    """The BatchNorms whose statistics a mean of `weights` needs anew; `fixed`: but for those that training kept."""
    named = [(name, module) for name, module in task.named_modules() if isinstance(module, BATCH_NORMS)]

    def kept(key: str) -> bool:
        return all(weights[0][key].equal(other[key]) for other in weights)

    return [norm for name, norm in named if len(weights) > 1 and not (fixed and kept(f"{name}.running_mean"))]


def mixed(listing: Listing) -> Listing:
    """The training images in no order, as many as statistics need: lists often stand class by class."""
    train = list(listing.splits["train"])
    return listing.with_splits({"train": tuple(random.Random(0).sample(train, min(len(train), ENOUGH)))})

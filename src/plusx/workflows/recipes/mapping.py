"""A recipe for other targets than it was made for: what of it stays, and what takes another's place."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from plusx.core.sample import DENSE, Kind
from plusx.data.augment.augment import BatchAugment
from plusx.data.augment.combine import InTurn, OneOf, Sometimes
from plusx.data.augment.cutmix import CutMix
from plusx.data.augment.mixup import Mixup
from plusx.data.jitter import JitterConfig
from plusx.workflows.recipes.catalogue import About
from plusx.workflows.recipes.dense import dense
from plusx.workflows.recipes.finetune import finetune
from plusx.workflows.recipes.recipe import Facts, Recipe
from plusx.workflows.recipes.scratch_small import scratch_small

IN_WORDS: dict[Kind, str] = {
    "label": "one label an image",
    "labels": "several labels an image",
    "value": "numbers",
    "boxes": "boxes",
    "mask": "masks",
    "masks": "overlapping masks",
}


def mapped(recipe: Recipe, facts: Facts) -> Recipe:
    """`recipe`, made for other targets, for those of `facts`."""
    if facts.kind in DENSE:
        usual = dense(facts)
        return replace(
            recipe,
            transform=usual.transform,
            mix=usual.mix,
            progressive=None,
            image_size=usual.image_size,
            pixels=tuple(part for part in recipe.pixels if not part.moves),
            augment=InTurn(),
            loss=None,
            label_smoothing=0.0,
        )
    if isinstance(recipe.transform, JitterConfig):
        recipe = of_whole_images(recipe, facts)
    plan = replace(recipe.plan, clip=recipe.plan.clip or 1.0) if facts.kind == "value" else recipe.plan
    left = InTurn(tuple(kept(recipe.augment, facts.kind)))
    return replace(recipe, plan=plan, augment=left, loss=None, label_smoothing=0.0)


def of_whole_images(recipe: Recipe, facts: Facts) -> Recipe:
    """`recipe`, made for boxes and masks, with the crops, colours and size that whole images usually have."""
    usual = (finetune if facts.pretrained else scratch_small)(facts)
    return replace(recipe, transform=usual.transform, mix=None, image_size=usual.image_size)


def kept(augment: BatchAugment, kind: Kind) -> Iterator[BatchAugment]:
    """The parts of `augment` that have a meaning for targets of this kind."""
    match augment:
        case InTurn(parts=parts):
            for part in parts:
                yield from kept(part, kind)
        case OneOf(choices=choices, chances=chances):
            left = tuple(part for choice in choices for part in kept(choice, kind))
            whole = len(left) == len(choices)
            yield from (OneOf(left, chances if whole else None),) if len(left) > 1 else left
        case Sometimes(part=part, chance=chance):
            yield from (Sometimes(one, chance) for one in kept(part, kind))
        case Mixup() | CutMix():
            own: Any = augment
            if kind == "labels" or isinstance(augment, Mixup):
                yield replace(own, kind=kind)
        case _:
            yield augment


def what_maps(about: About, kind: Kind) -> str:
    """In one sentence, what becomes of the recipe for targets of a kind that it was not made for."""
    *some, last = (IN_WORDS[one] for one in about.made_for)
    made = f"{', '.join(some)} and {last}" if some else last
    said = f"{about.name} was made for {made}; for {IN_WORDS[kind]} it keeps optimizer, schedule, averaging and epochs"
    if kind in DENSE:
        return f"{said}; pictures, crops and size are those of the recipe dense, and the loss is the task's"
    if set(about.made_for) <= set(DENSE):
        usual = "recipe finetune with weights, of scratch-small without"
        return f"{said}; crops, colours and size are those of the {usual}, and the loss is the task's"
    left = "mixup and CutMix stay" if kind == "labels" else "mixup stays, CutMix goes, gradients are clipped at 1"
    return f"{said}, crops and colours; {left}, and the loss is the task's, without label smoothing"

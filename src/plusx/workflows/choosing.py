"""Which recipe a run follows, what the user changes in it, and what there is to say about both."""

import logging
from dataclasses import replace
from typing import Any, NamedTuple

from plusx.data.mosaic import MixConfig
from plusx.data.transforms import TrainTransformConfig, TransformConfig
from plusx.engine.plan import Plan
from plusx.engine.schedules.step import Step
from plusx.workflows.augmenting import choose_augment, choose_pixels, choose_progressive
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.plan_settings import (
    choose_average,
    choose_schedule,
    choose_sharpness,
    named_optimizer,
    plan_notes,
    tuned_optimizer,
)
from plusx.workflows.recipes.catalogue import About, about
from plusx.workflows.recipes.default import default_recipe
from plusx.workflows.recipes.departures import departures, step_of, told
from plusx.workflows.recipes.every import RECIPES
from plusx.workflows.recipes.mapping import mapped, what_maps
from plusx.workflows.recipes.recipe import Facts, Recipe
from plusx.workflows.recipes.scaling import for_batch, rule_of
from plusx.workflows.strategies import choose_anchor, keeps_statistics, with_phases

log = logging.getLogger("plusx")


class Choice(NamedTuple):
    """The recipe with the user's own settings in it, and lines about it for the terminal."""

    recipe: Recipe
    notes: tuple[str, ...]


def choose_recipe(settings: FitSettings, facts: Facts) -> Choice:
    """The named recipe, or the default one, for these data, with the user's own settings in place of its."""
    asked = settings.batch_size if isinstance(settings.batch_size, int) else None
    own = {"batch": asked, "shown": settings.image_size, "epochs": settings.epochs, "sharded": settings.shard_model}
    facts = replace(facts, **own)
    usual = default_recipe(facts)
    name = usual.name if settings.recipe == "auto" else settings.recipe
    known = about(name)
    published = made_for(known, facts)
    optimizer = named_optimizer(settings, published.plan)
    fitted = begun = replace(published, plan=replace(published.plan, optimizer=optimizer))
    if known.batch is not None:  # by the rule of the optimizer that is named
        fitted = for_batch(begun, facts, settings.accumulate, known.least_steps)
    elif asked is not None:
        fitted = replace(begun, batch_size=asked)
    recipe = with_own(fitted, settings)
    pixels = choose_pixels(settings.augment, recipe.pixels, facts.kind)
    sizes = choose_progressive(settings.progressive, recipe.progressive, facts.kind)
    mixed = choose_augment(settings, recipe.augment)
    recipe = replace(recipe, pixels=pixels, augment=mixed, progressive=sizes)
    warnings = plan_notes(recipe.plan, step_of(recipe), facts.pretrained)
    if settings.recipe == "auto":
        return Choice(recipe, (f"recipe {name}: {usual.reason} (plusx recipes)", *warnings))
    notes = [] if facts.kind in known.made_for else [what_maps(known, facts.kind)]
    found = departures(known, published, recipe, facts)
    if found and known.batch is not None:  # what was put together here was published nowhere
        notes.append(told(known, found))
    if begun.plan.optimizer.rate != fitted.plan.optimizer.rate and settings.rate is None:
        notes.append(scaled_in_words(published, begun, fitted, facts))
    return Choice(recipe, (*notes, *warnings))


def made_for(known: About, facts: Facts) -> Recipe:
    """As published, or what it maps to where the targets are of another kind than it was made for."""
    if facts.kind in known.made_for:
        return RECIPES[known.name](facts)
    return mapped(RECIPES[known.name](replace(facts, kind=known.made_for[0])), facts)


def scaled_in_words(published: Recipe, begun: Recipe, fitted: Recipe, facts: Facts) -> str:
    """Why the rate is not the published one, or not that of the optimizer which is named instead."""
    before, after = begun.plan.optimizer, fitted.plan.optimizer
    other = type(published.plan.optimizer) is not type(before)
    usual = f" (that of {type(before).__name__} in its place)" if other else ""
    size, passes = fitted.batch_size, fitted.plan.accumulate
    batch = f"{size}" if passes == 1 else f"{size * passes} in {passes} passes"
    filled = "" if facts.batch is not None else f", as {facts.images} images fill"
    return (
        f"rate {before.rate:.3g}{usual} → {after.rate:.3g}: batches of {batch} instead of {step_of(published)}{filled} "
        f"({type(after).__name__}: {rule_of(after).words})"
    )


def paced(plan: Plan, epochs: int) -> Plan:
    """Another number of epochs: what counts them in its schedule is shortened or drawn out alike."""
    if isinstance(plan.schedule, Step):
        return replace(plan, schedule=replace(plan.schedule, every=plan.schedule.every * epochs / plan.epochs))
    return plan


def with_own(recipe: Recipe, settings: FitSettings) -> Recipe:
    """`recipe` with what the user says of the plan, the crops, the colours and the mixing."""
    epochs = settings.epochs or recipe.plan.epochs
    changes: dict[str, Any] = {
        "epochs": epochs,
        **with_phases(settings, recipe.plan, epochs),
        "anchor": choose_anchor(settings, recipe.plan),
        "patience": settings.patience,
        "accumulate": settings.accumulate if settings.accumulate > 1 else recipe.plan.accumulate,
        "frozen_norm": keeps_statistics(settings, recipe.plan),
        "seed": settings.seed,
        "optimizer": tuned_optimizer(settings, recipe.plan),
        "sharpness": choose_sharpness(settings, recipe.plan),
        "schedule": choose_schedule(settings, paced(recipe.plan, epochs)),
        "average": choose_average(settings, recipe.plan),
    }
    plan: Plan = replace(recipe.plan, **changes)
    shown: dict[str, Any] = {"transform": choose_transform(settings, recipe), "mix": choose_mix(settings, recipe)}
    shown["drop_path"] = recipe.drop_path if settings.drop_path is None else settings.drop_path
    return replace(recipe, plan=plan, image_size=settings.image_size or recipe.image_size, **shown)


def choose_transform(settings: FitSettings, recipe: Recipe) -> TransformConfig:
    """The recipe's, with the user's own flips, crops and colours."""
    changes: dict[str, Any] = {} if settings.flip else {"flip": 0.0}
    if settings.colour is not None:
        changes |= dict.fromkeys(("brightness", "contrast", "saturation"), settings.colour)
    if settings.crop is not None and isinstance(recipe.transform, TrainTransformConfig):
        changes["scale"] = (settings.crop, 1.0)
    elif settings.crop is not None:
        log.warning("--crop has no effect: boxes and masks are not cut out, but scaled")
    return replace(recipe.transform, **changes)


def choose_mix(settings: FitSettings, recipe: Recipe) -> MixConfig | None:
    """The recipe's, with the user's own chances."""
    asked = {name: chance for name in ("mosaic", "mixup") if (chance := getattr(settings, name)) is not None}
    if recipe.mix is None:
        for name in asked:
            log.warning("--%s has no effect: it is for boxes and masks with the recipe dense", name)
        return None
    return replace(recipe.mix, **asked)

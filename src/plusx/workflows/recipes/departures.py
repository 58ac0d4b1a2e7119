"""Which settings of a run keep it from being the published recipe, in words."""

from collections.abc import Iterator
from typing import NamedTuple

from plusx.data.transforms import TrainTransformConfig
from plusx.workflows.recipes.catalogue import About
from plusx.workflows.recipes.recipe import Facts, Recipe
from plusx.workflows.recipes.scaling import rule_of


class Departure(NamedTuple):
    """One setting, as published and as it is."""

    published: str
    here: str


def departures(about: About, published: Recipe, made: Recipe, facts: Facts) -> list[Departure]:
    """What a reader of the published score should know. published: the recipe before anything was changed in it."""
    found = [*_pace(published, made), *_strength(published, made)]
    if about.start != "any" and (about.start == "pretrained") != facts.pretrained:
        start = {True: "pretrained weights", False: "random weights"}
        found.append(Departure(start[about.start == "pretrained"], start[facts.pretrained]))
    return found


def _pace(published: Recipe, made: Recipe) -> Iterator[Departure]:
    if published.plan.epochs != made.plan.epochs:
        yield Departure(
            *("1 epoch" if one.plan.epochs == 1 else f"{one.plan.epochs} epochs" for one in (published, made))
        )
    before, after = step_of(published), step_of(made)
    if before != after:
        yield Departure(f"batches of {before}", f"batches of {after}")
    if published.image_size != made.image_size and published.image_size is not None:
        yield Departure(f"{published.image_size} pixels", f"{made.image_size} pixels")


def _strength(published: Recipe, made: Recipe) -> Iterator[Departure]:
    before, after = published.plan.optimizer, made.plan.optimizer
    if type(before) is not type(after):
        yield Departure(f"{type(before).__name__} at {before.rate:g}", f"{type(after).__name__} at {after.rate:g}")
        after = before  # their rates and decays are not to be compared
    if made.plan.sharpness != published.plan.sharpness:
        yield Departure(*(f"{'no ' if plan.sharpness is None else ''}SAM" for plan in (published.plan, made.plan)))
    if before.weight_decay != after.weight_decay:
        yield Departure(f"weight decay {before.weight_decay:g}", f"weight decay {after.weight_decay:g}")
    ratio = step_of(made) / step_of(published)
    if abs(after.rate / (before.rate * rule_of(before).factor(ratio)) - 1) > 1e-6 and after.rate != before.rate:
        yield Departure(f"rate {before.rate:g}", f"rate {after.rate:g}")
    if published.progressive != made.progressive:
        yield Departure(*("growing images" if one.progressive else "whole images" for one in (published, made)))
    if published.pixels != made.pixels:
        yield Departure(
            *(", ".join(type(part).__name__ for part in one.pixels) or "no policy" for one in (published, made))
        )
    if published.drop_path != made.drop_path:
        yield Departure(f"drop-path {published.drop_path:g}", f"drop-path {made.drop_path:g}")
    old, new = published.transform, made.transform
    if isinstance(old, TrainTransformConfig) and isinstance(new, TrainTransformConfig):
        if old.scale != new.scale:
            yield Departure(f"crops of {old.scale[0]:g}", f"crops of {new.scale[0]:g}")
        if old.brightness != new.brightness:
            yield Departure(f"colours within {old.brightness:g}", f"colours within {new.brightness:g}")


def step_of(recipe: Recipe) -> int:
    """Images of one step."""
    return recipe.batch_size * recipe.plan.accumulate


def told(about: About, found: list[Departure]) -> str:
    """One line; for a recipe without a published score it promises none."""
    published, here = (", ".join(words) for words in zip(*((one.published, one.here) for one in found), strict=True))
    score = ": do not expect its published score" if about.score else ""
    return f"{about.name} was published with {published}; this run has {here}{score}"

"""Which settings of a run keep it from being the published recipe, in words."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from plusx.data.transforms import TrainTransformConfig
from plusx.workflows.recipes.catalogue import About
from plusx.workflows.recipes.describing import described
from plusx.workflows.recipes.recipe import Facts, Recipe
from plusx.workflows.recipes.scaling import rule_of

IN_OWN_WORDS: Final = (
    "plan.epochs",
    "plan.accumulate",
    "batch_size",
    "image_size",
    "plan.optimizer",
    "plan.sharpness",
    "progressive",
    "pixels",
    "drop_path",
    "transform",
)
"""Settings, with all below them, that `_pace` and `_strength` look at."""

NO_PART: Final = ("plan.seed", "plan.patience", "plan.schedule.every")
"""Settings that no recipe publishes, or that follow from its epochs."""


class Departure(NamedTuple):
    """One setting, as published and as it is."""

    published: str
    here: str


def departures(about: About, published: Recipe, made: Recipe, facts: Facts) -> list[Departure]:
    """What a reader of the published score should know. published: the recipe before anything was changed in it."""
    found = [*_pace(published, made, facts), *_strength(published, made), *_others(published, made)]
    if about.start != "any" and (about.start == "pretrained") != facts.pretrained:
        start = {True: "pretrained weights", False: "random weights"}
        found.append(Departure(start[about.start == "pretrained"], start[facts.pretrained]))
    return found


def _pace(published: Recipe, made: Recipe, facts: Facts) -> Iterator[Departure]:
    if published.plan.epochs != made.plan.epochs:
        yield Departure(
            *("1 epoch" if one.plan.epochs == 1 else f"{one.plan.epochs} epochs" for one in (published, made))
        )
    before, after = step_of(published), step_of(made)
    if before != after:
        yield Departure(f"batches of {before}", f"batches of {after}")
    size = published.image_size or facts.size
    if made.image_size not in (None, size):
        yield Departure(f"{size} pixels", f"{made.image_size} pixels")


def _strength(published: Recipe, made: Recipe) -> Iterator[Departure]:
    before, after = published.plan.optimizer, made.plan.optimizer
    if type(before) is not type(after):
        yield Departure(f"{type(before).__name__} at {before.rate:g}", f"{type(after).__name__} at {after.rate:g}")
        after = before  # their rates and decays are not to be compared
    if made.plan.sharpness != published.plan.sharpness:
        rhos = (plan.sharpness and plan.sharpness.rho for plan in (published.plan, made.plan))
        yield Departure(*("no SAM" if rho is None else f"SAM {rho:g}" for rho in rhos))
    if before.weight_decay != after.weight_decay:
        yield Departure(f"weight decay {before.weight_decay:g}", f"weight decay {after.weight_decay:g}")
    ratio = step_of(made) / step_of(published)
    if abs(after.rate / (before.rate * rule_of(before).factor(ratio)) - 1) > 1e-6 and after.rate != before.rate:
        yield Departure(f"rate {before.rate:g}", f"rate {after.rate:g}")
    if published.progressive != made.progressive:
        grown = (one.progressive and one.progressive.first for one in (published, made))
        yield Departure(*("whole images" if first is None else f"images that grow from {first:g}" for first in grown))
    if published.pixels != made.pixels:
        yield Departure(*(_policies(one) for one in (published, made)))
    if published.drop_path != made.drop_path:
        yield Departure(f"drop-path {published.drop_path:g}", f"drop-path {made.drop_path:g}")
    old, new = published.transform, made.transform
    if isinstance(old, TrainTransformConfig) and isinstance(new, TrainTransformConfig):
        if old.scale != new.scale:
            yield Departure(f"crops of {old.scale[0]:g}", f"crops of {new.scale[0]:g}")
        if old.brightness != new.brightness:
            yield Departure(f"colours within {old.brightness:g}", f"colours within {new.brightness:g}")
    if old.flip != new.flip:
        yield Departure(f"flips {old.flip:g}", f"flips {new.flip:g}")


def _policies(recipe: Recipe) -> str:
    """With their magnitude, where they have one."""
    words = []
    for part in recipe.pixels:
        magnitude = getattr(part, "magnitude", None)
        words.append(type(part).__name__ + ("" if magnitude is None else f" {magnitude:g}"))
    return ", ".join(words) or "no policy"


def _others(published: Recipe, made: Recipe) -> Iterator[Departure]:
    """All that differs beside, by the names of `plusx recipes NAME`; of a part that is another one, its name alone."""
    before, after = described(published), described(made)
    told: list[str] = []
    for name in dict.fromkeys([*before, *after]):
        known = any(name == one or name.startswith(f"{one}.") for one in (*IN_OWN_WORDS, *told))
        if known or name in NO_PART or before.get(name) == after.get(name):
            continue
        told.append(name)
        yield Departure(*(_said(name, one) for one in (before, after)))


def _said(name: str, settings: dict[str, Any]) -> str:
    word = name.rpartition(".")[2].replace("_", " ")
    value = settings.get(name)
    if value is None or value is False:
        return f"no {word}"
    if value is True or (isinstance(value, str) and value.lower() == word):
        return word
    return f"{word} {value:g}" if isinstance(value, float) else f"{word} {value}"


def step_of(recipe: Recipe) -> int:
    """Images of one step."""
    return recipe.batch_size * recipe.plan.accumulate


def told(about: About, found: list[Departure]) -> str:
    """One line; for a recipe without a published score it promises none."""
    published, here = (", ".join(words) for words in zip(*((one.published, one.here) for one in found), strict=True))
    score = ": do not expect its published score" if about.score else ""
    return f"{about.name} was published with {published}; this run has {here}{score}"

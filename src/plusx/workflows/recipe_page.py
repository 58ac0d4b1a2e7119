"""recipes NAME: all settings of one recipe with their sources, and its schedule as a picture."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from plusx.core.errors import InputError
from plusx.core.storage import write_text
from plusx.report.standalone import schedule_svg
from plusx.workflows.choosing import made_for
from plusx.workflows.recipes.catalogue import FULL_SIZE, About, about
from plusx.workflows.recipes.describing import described
from plusx.workflows.recipes.mapping import IN_WORDS
from plusx.workflows.recipes.recipe import Facts, Recipe

IMAGENET: Final = 1_281_167
"""Images of its training split; the data that most recipes were published on."""

FEW_IMAGES: Final = 1_000
"""Of a recipe that was made for few."""

POINTS: Final = 600
"""Steps at which the schedule is drawn."""


def page(name: str, *, plot: Path | None = None, table: bool = False, as_json: bool = False) -> Iterator[str]:
    """Lines to print. plot: file for the curve of the rate over the epochs, SVG.

    InputError for a name that does not exist, and for another kind of picture.
    """
    if table:
        raise InputError("--table prints all recipes; leave the name away, or leave --table away")
    known = about(name)
    recipe = made_for(known, usual_facts(known))
    if plot is not None:
        draw(known, recipe, plot)
    settings = described(recipe)
    if as_json:
        yield json.dumps({**known.to_json(), "settings": settings}, ensure_ascii=False, default=str)
        return
    yield from heading(known)
    width = max(map(len, settings))
    for setting, value in settings.items():
        if setting != "plan":
            source = known.sources.get(setting, "")
            yield f"  {setting:{width}}  {shown(value)}" + (f"  [{source}]" if source else "")
    if plot is not None:
        yield f"schedule: {plot}"


def heading(known: About) -> Iterator[str]:
    """What the recipe is, in a few lines."""
    yield f"{known.name}: {known.summary}"
    facts = {
        "published by": known.paper,
        "score": known.score,
        "cost": f"{known.epochs} epochs at {known.size} pixels",
        "use it for": known.when,
        "made for": ", ".join(IN_WORDS[kind] for kind in known.made_for),
        "batches": f"of {known.batch}; the rate follows the batch" if known.batch else "",
    }
    yield from (f"  {what}: {words}" for what, words in facts.items() if words)
    yield from (f"  other than published: {one}" for one in known.differs)
    yield "settings, and where each number was read:"


def usual_facts(known: About) -> Facts:
    """The data that a recipe was published on, as far as it depends on them."""
    images = IMAGENET if known.batch is not None else FEW_IMAGES
    start = known.start == "pretrained"
    return Facts(images, known.made_for[0], 1000, FULL_SIZE, pretrained=start, side=FULL_SIZE)


def draw(known: About, recipe: Recipe, path: Path) -> None:
    """The rate over the epochs."""
    if path.suffix.lower() != ".svg":
        raise InputError(f"--plot {path}: the schedule is drawn as SVG; name a file that ends in .svg")
    plan, each = recipe.plan, max(1, POINTS // recipe.plan.epochs)
    steps = plan.epochs * each
    curve = [(step / each, plan.optimizer.rate * plan.factor(step, each)) for step in range(steps)]
    write_text(path, schedule_svg(known.name, curve))


def shown(value: Any) -> str:
    """A value as people write it."""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, tuple):
        return ", ".join(map(shown, value)) or "none"
    return "none" if value is None else str(value)

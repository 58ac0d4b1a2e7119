"""recipes: which there are, what each scored where it was published, its cost and its use. Needs no torch."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from plusx.core.errors import InputError
from plusx.workflows.models import aligned
from plusx.workflows.recipes.catalogue import About, about, names

HEAD = ("recipe", "cost", "when to use it", "published score")


def listing(*, as_json: bool = False, plot: Path | None = None) -> Iterator[str]:
    """Lines to print: a row a recipe, the cheapest first; or a JSON object a line. plot: needs one recipe."""
    if plot is not None:
        raise InputError(f"--plot draws the schedule of one recipe; name it: plusx recipes a3 --plot {plot}")
    every = sorted(map(about, names()), key=lambda one: (one.cost, one.name))
    if as_json:
        yield from (json.dumps(one.to_json(), ensure_ascii=False) for one in every)
        return
    yield from aligned([HEAD, *map(row, every)], left=(0, 2, 3))
    yield ""
    yield "cost: of the published run, in epochs at 224 pixels. All settings of one, with sources: plusx recipes NAME"


def row(one: About) -> Sequence[str]:
    """One line of the table."""
    return one.name, f"{one.cost:.0f}", one.when, one.score or "-"

"""recipes: which there are, what each scored where it was published, its cost and its use. Needs no torch."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from plusx.core.errors import InputError
from plusx.workflows.models import aligned
from plusx.workflows.recipes.catalogue import About, about, names

KINDS = {
    "label": "one class",
    "labels": "several classes",
    "value": "numbers",
    "boxes": "boxes",
    "mask": "masks",
    "masks": "overlapping masks",
}
KINDS_ZH = {
    "label": "单一类别",
    "labels": "多个类别",
    "value": "数值",
    "boxes": "检测框",
    "mask": "掩膜",
    "masks": "可重叠的掩膜",
}
HEADS = {
    "en": ("recipe", "when", "published score", "cost", "made for"),
    "zh": ("配方", "何时用", "公布的成绩", "代价", "适用任务"),
}
HEAD = ("recipe", "cost", "when to use it", "published score")


def listing(*, as_json: bool = False, table: bool = False, plot: Path | None = None) -> Iterator[str]:
    """Lines to print: a row a recipe, the cheapest first; or a JSON object a line. plot: needs one recipe."""
    if plot is not None:
        raise InputError(f"--plot draws the schedule of one recipe; name it: plusx recipes a3 --plot {plot}")
    if table:
        yield from markdown()
        return
    every = sorted(map(about, names()), key=lambda one: (one.cost, one.name))
    if as_json:
        yield from (json.dumps(one.to_json(), ensure_ascii=False) for one in every)
        return
    yield from aligned([HEAD, *map(row, every)], left=(0, 2, 3))
    yield ""
    yield "cost: of the published run, in epochs at 224 pixels. All settings of one, with sources: plusx recipes NAME"


def markdown(language: Literal["en", "zh"] = "en") -> Iterator[str]:
    """The same as Markdown, for the page about recipes in English or Chinese."""
    yield "| " + " | ".join(HEADS[language]) + " |"
    yield "|" + "---|" * len(HEADS[language])
    for one in sorted(map(about, names()), key=lambda one: (one.cost, one.name)):
        when, kinds = {"en": (one.when, KINDS), "zh": (one.when_zh, KINDS_ZH)}[language]
        made = {"en": ", ", "zh": "、"}[language].join(kinds[kind] for kind in one.made_for)
        yield f"| `{one.name}` | {when} | {one.score or '-'} | {cost_of(one)} | {made} |"


def cost_of(one: About) -> str:
    """Epochs, with as many digits as matter."""
    return f"{one.cost:.0f}" if one.cost >= 10 else f"{one.cost:.1f}"


def row(one: About) -> Sequence[str]:
    """One line of the table."""
    return one.name, cost_of(one), one.when, one.score or "-"

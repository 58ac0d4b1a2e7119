"""What there is to say of each recipe: read from the `<name>.toml` beside the file that makes it.
Needs neither torch nor numpy.

A recipe's settings themselves are Python, in `<paper>.py`; here stand its score, its cost, when to use it, and where
each of its numbers was read.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from plusx.core.errors import unknown

if TYPE_CHECKING:
    from plusx.core.sample import Kind

Start = Literal["random", "pretrained", "any"]
"""The weights that a recipe was made for."""

OURS = "ours"
"""The source of a number that nobody published: chosen here."""

FULL_SIZE = 224
"""Pixels of a side; an epoch at this size is the unit of `About.cost`."""


@dataclass(frozen=True)
class About:
    """One recipe, in words. `score`: as published, with network and data; empty where nobody published one.

    `epochs`, `size` and `batch`: of the published run; `batch` None: the rate does not follow the batch.
    `least_steps`: of an epoch, which the batch leaves where there are few images. `made_for`: the kinds of target.
    `differs`: what is otherwise here than in the publication, and why. `sources`: dotted name of
    a setting → where its number was read.
    """

    name: str
    paper: str
    summary: str
    when: str
    when_zh: str
    start: Start
    made_for: "tuple[Kind, ...]"
    epochs: int
    size: int
    score: str = ""
    batch: int | None = None
    least_steps: int = 8
    differs: tuple[str, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        assert self.start in get_args(Start), f"{self.name}.toml: start {self.start!r}"

    @property
    def cost(self) -> float:
        """Compute of the whole run in epochs at 224 pixels: epochs × (size / 224)²."""
        return self.epochs * (self.size / FULL_SIZE) ** 2

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "cost": round(self.cost, 2)}


def names() -> tuple[str, ...]:
    """All recipes, sorted."""
    return tuple(sorted(path.stem for path in Path(__file__).parent.glob("*.toml")))


@cache
def about(name: str) -> About:
    """The recipe of that name; InputError with the three nearest names when there is none."""
    if name not in names():
        raise unknown("recipe", name, names())
    held = tomllib.loads((Path(__file__).parent / f"{name}.toml").read_text(encoding="utf-8"))
    sources = {setting: one["at"] for one in held.pop("sources", []) for setting in one["settings"]}
    several: dict[str, Any] = {key: tuple(held.pop(key, ())) for key in ("made_for", "differs")}
    return About(name=name, sources=sources, **several, **held)

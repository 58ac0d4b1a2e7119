"""Each recipe against the table of what was published, and the words about it."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from plusx.workflows.choosing import made_for
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.recipes.catalogue import OURS, about, names
from plusx.workflows.recipes.describing import described
from plusx.workflows.recipes.every import RECIPES
from plusx.workflows.recipes.recipe import Facts, Recipe
from plusx.workflows.values import hints_of

TABLE = tomllib.loads(Path(__file__).with_name("published.toml").read_text(encoding="utf-8"))
DATA = ("images", "side", "size", "kind", "source")


def recipe_of(name: str) -> Recipe:
    row = TABLE[name]
    facts = Facts(row.get("images", 1000), row.get("kind", "label"), 1000, row.get("size", 224), side=row.get("side"))
    return made_for(about(name), facts)


def test_every_recipe_has_its_words_its_function_and_its_rows() -> None:
    assert set(names()) == set(RECIPES) == set(TABLE)
    assert set(hints_of(FitSettings)["recipe"].__args__) == {"auto", *names()}


@pytest.mark.parametrize("name", sorted(TABLE))
def test_the_settings_are_the_published_ones(name: str) -> None:
    made, row = described(recipe_of(name)), TABLE[name]
    wrong = {
        setting: (made.get(setting), value)
        for setting, value in row.items()
        if setting not in DATA and not same(made.get(setting), value)
    }
    assert wrong == {}


@pytest.mark.parametrize("name", sorted(TABLE))
def test_every_number_says_where_it_was_read(name: str) -> None:
    known, made = about(name), described(recipe_of(name))
    assert set(known.sources) <= set(made), "a source of a setting that the recipe has not"
    said = {setting for setting, source in known.sources.items() if not source.startswith(OURS)}
    assert said == set(TABLE[name]) - set(DATA)
    assert TABLE[name]["source"]


def same(made: Any, published: Any) -> bool:
    if isinstance(published, list):
        return len(made) == len(published) and all(map(same, made, published))
    return made == pytest.approx(published) if isinstance(published, float) else made == published

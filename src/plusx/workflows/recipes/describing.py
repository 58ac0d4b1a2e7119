"""A recipe as a flat list of settings: dotted name → value."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from plusx.workflows.recipes.recipe import Recipe

OF_THE_DATA = ("kind", "classes")
"""Fields that say what the data are, not what the recipe is."""


def described(recipe: Recipe) -> dict[str, Any]:
    """`plan.optimizer` → "SGD", `plan.optimizer.rate` → 0.1, `augment.mixup.alpha` → 0.2, and so on, in order."""
    found: dict[str, Any] = {}
    for field in fields(recipe):
        found.update(_settings(field.name, getattr(recipe, field.name)))
    return found


def _settings(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """A part gives its class under its own name, and then its fields; parts of a part stand below it by their class."""
    if _are_parts(value):
        for part in value:
            yield from _settings(f"{name}.{type(part).__name__.lower()}", part)
    elif is_dataclass(value):
        yield name, type(value).__name__
        for field in fields(value):
            inner = getattr(value, field.name)
            if field.name not in OF_THE_DATA:
                yield from _settings(name if _are_parts(inner) else f"{name}.{field.name}", inner)
    else:
        yield name, value


def _are_parts(value: Any) -> bool:
    return isinstance(value, tuple) and all(is_dataclass(part) for part in value)

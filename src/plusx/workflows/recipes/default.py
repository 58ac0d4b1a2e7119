"""The recipe of a run for which none was named: a rule of three lines, and its reason in words."""

from typing import NamedTuple

from plusx.core.sample import DENSE
from plusx.workflows.recipes.recipe import Facts


class Default(NamedTuple):
    """A recipe's name, and why it was taken."""

    name: str
    reason: str


def default_recipe(facts: Facts) -> Default:
    """Boxes and masks: dense. Pretrained weights: finetune. Random weights: scratch-small."""
    if facts.kind in DENSE:
        return Default("dense", "boxes and masks")
    if facts.pretrained:
        return Default("finetune", "the weights are pretrained")
    return Default("scratch-small", "the weights are random")

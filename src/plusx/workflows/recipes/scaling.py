"""A recipe's rate for another batch than the published one, by the rule of its optimizer.

Linear, for SGD: Goyal et al. 2017, "Accurate, Large Minibatch SGD", section 2.1. Square root, for LAMB: You et al.
2020, "Large Batch Optimization for Deep Learning"; for Adam: Malladi et al. 2022, "On the SDEs and Scaling Rules for
Adaptive Gradient Algorithms". These say the same of RMSprop, with which timm's recipes scale linearly all the
same; theirs are the published ones.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple

from plusx.core.sample import DENSE, Kind
from plusx.engine.optimizers.adamw import AdamW
from plusx.engine.optimizers.lamb import Lamb
from plusx.engine.optimizers.lion import Lion
from plusx.engine.optimizers.muon import Muon
from plusx.engine.optimizers.optimizer import OptimizerConfig
from plusx.engine.optimizers.rmsprop_tf import RMSpropTF
from plusx.engine.optimizers.sgd import SGD
from plusx.workflows.recipes.catalogue import FULL_SIZE
from plusx.workflows.recipes.recipe import LEAST_STEPS, Facts, Recipe


class Rule(NamedTuple):
    """`factor`: of the rate, from that of the batch."""

    words: str
    factor: Callable[[float], float]


LINEAR: Final = Rule("in proportion", float)
SQUARE_ROOT: Final = Rule("by the square root of the ratio", math.sqrt)
RULES: Final[Mapping[type, Rule]] = {
    SGD: LINEAR,
    RMSpropTF: LINEAR,  # as timm's training_script.mdx has it: 0.016 for 256 images, 0.048 for 768, 0.064 for 1,024
    AdamW: SQUARE_ROOT,
    Lamb: SQUARE_ROOT,
    Lion: SQUARE_ROOT,  # ours: nothing published
    Muon: SQUARE_ROOT,  # ours: nothing published
}

IN_ONE_PASS: Final = 256
"""Images of 224 pixels that go through the network at once; larger batches are added up of several passes. Ours."""

DENSE_IN_ONE_PASS: Final = 16
"""The same, of boxes and masks, whose maps are larger. Ours."""


def rule_of(optimizer: OptimizerConfig) -> Rule:
    """How the rate of this optimizer follows the batch."""
    return RULES[type(optimizer)]


def rate_for(optimizer: OptimizerConfig, published: int, batch: int) -> float:
    """The rate for steps of `batch` images, of an optimizer whose own is for `published`."""
    return optimizer.rate * rule_of(optimizer).factor(batch / published)


def with_rate(optimizer: OptimizerConfig, rate: float) -> OptimizerConfig:
    """The same one at another rate; Muon's for what AdamW moves goes along."""
    changed: Any = optimizer
    if isinstance(optimizer, Muon):
        return replace(optimizer, rate=rate, adamw_rate=optimizer.adamw_rate * rate / optimizer.rate)
    return replace(changed, rate=rate)


def in_one_pass(size: int, kind: Kind) -> int:
    """Images of this size that go through the network at once: a power of two."""
    if kind in DENSE:
        return DENSE_IN_ONE_PASS
    return 1 << max(1, int(IN_ONE_PASS * min(1.0, (FULL_SIZE / size) ** 2))).bit_length() - 1


def for_batch(recipe: Recipe, facts: Facts, accumulate: int, least_steps: int = LEAST_STEPS) -> Recipe:
    """`recipe` with the batch that the images can fill, in passes that fit, and the rate for it.

    accumulate: passes of a step that the user asks for, 1: as many as `IN_ONE_PASS` makes it.
    """
    published, most = recipe.batch_size, in_one_pass(facts.shown or recipe.image_size or facts.size, facts.kind)
    batch = facts.batch_for(published, least_steps)
    asked = facts.batch is not None or accumulate > 1
    size, passes = (batch, accumulate) if asked else (min(batch, most), max(1, batch // most))
    scaled = with_rate(recipe.plan.optimizer, rate_for(recipe.plan.optimizer, published, size * passes))
    return replace(recipe, batch_size=size, plan=replace(recipe.plan, optimizer=scaled, accumulate=passes))

"""All recipes: importing this file enters them in `RECIPES`."""

from plusx.workflows.recipes.bit import bit_hyperrule
from plusx.workflows.recipes.dense import dense
from plusx.workflows.recipes.finetune import finetune
from plusx.workflows.recipes.paper import paper
from plusx.workflows.recipes.recipe import RECIPES
from plusx.workflows.recipes.scratch_small import scratch_small

assert {bit_hyperrule, dense, finetune, paper, scratch_small} == set(RECIPES.values())

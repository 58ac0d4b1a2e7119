"""All recipes: importing this file enters them in `RECIPES`."""

from plusx.workflows.recipes.bit import bit_hyperrule
from plusx.workflows.recipes.dense import dense
from plusx.workflows.recipes.finetune import finetune
from plusx.workflows.recipes.mosaic import mosaic_hot, mosaic_medium, mosaic_mild
from plusx.workflows.recipes.paper import paper
from plusx.workflows.recipes.recipe import RECIPES
from plusx.workflows.recipes.robust import imbalanced, noisy_labels
from plusx.workflows.recipes.rsb import a1, a2, a3, b
from plusx.workflows.recipes.scratch_small import scratch_small
from plusx.workflows.recipes.speedrun import speedrun
from plusx.workflows.recipes.torchvision_2021 import tv2
from plusx.workflows.recipes.xresnet import xresnet

assert set(RECIPES.values()) == {
    *(a1, a2, a3, b, bit_hyperrule, dense, finetune, imbalanced),
    *(mosaic_hot, mosaic_medium, mosaic_mild, noisy_labels, paper, scratch_small, speedrun, tv2, xresnet),
}

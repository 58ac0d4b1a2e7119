"""What a recipe leaves out of the backbone in training: stochastic depth and DropBlock."""

import logging

from plusx.core.backbone import Backbone
from plusx.nn.regularisation import set_drop_block, set_stochastic_depth
from plusx.workflows.recipes.recipe import Recipe

log = logging.getLogger("plusx")


def regularise(backbone: Backbone, network: str, recipe: Recipe) -> None:
    """Sets both; a warning for a network that has no sum to leave anything out of. network: its name."""
    stages = [module for _, module in backbone.parts()]
    found = {
        "drop-path": (recipe.drop_path, set_stochastic_depth(backbone, recipe.drop_path)),
        "drop-block": (recipe.drop_block, set_drop_block(stages, recipe.drop_block)),
    }
    for word, (rate, units) in found.items():
        if rate and not units:
            log.warning("%s %g has no effect: %s has no residual sums where it could act", word, rate, network)

"""The settings of "Deep Residual Learning for Image Recognition"."""

import math

from plusx.data.transforms import TrainTransformConfig
from plusx.engine.optimizers.sgd import SGD
from plusx.engine.plan import Plan
from plusx.engine.schedules.multistep import MultiStep
from plusx.workflows.recipes.recipe import RECIPES, Facts, Recipe

CIFAR_BATCH = 128
CIFAR_EPOCHS = math.ceil(64_000 * CIFAR_BATCH / 50_000)
"""64k iterations on CIFAR-10's 50,000 images."""


@RECIPES.register("paper")
def paper(facts: Facts) -> Recipe:
    """He et al. 2015. Section 3.4 for images of 224 pixels, section 4.2 (CIFAR-10) for networks of 32 pixels.

    Both: SGD, momentum 0.9, weight decay 1e-4, first rate 0.1, divided by 10 twice, no dropout.
    ImageNet: batches of 256, 60·10⁴ iterations, "divided when the error plateaus" — here at 1/2 and 3/4 of 120 epochs;
    ResNet-50 22.85 % top-1 error (table 3, 10-crop). CIFAR-10: batches of 128, 64k iterations (164 epochs), divided at
    32k and 48k; ResNet-20 8.75 %, ResNet-56 6.97 %, ResNet-110 6.43 % error (table 6). Where the paper pads by 4 pixels
    or scales to 256..480 and cuts, here random-resized crops of at least 0.6 of the area do.

        plusx fit DATA --model resnet20 --recipe paper
    """
    small = facts.size <= 32
    plan = Plan(
        epochs=CIFAR_EPOCHS if small else 120,
        optimizer=SGD(rate=0.1, weight_decay=1e-4, nesterov=False),
        schedule=MultiStep(milestones=(0.5, 0.75), factor_each=0.1),
    )
    return Recipe(plan, CIFAR_BATCH if small else 256, transform=TrainTransformConfig(scale=(0.6, 1.0)))

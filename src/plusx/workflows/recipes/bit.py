"""BiT-HyperRule: all settings of a fine-tuning from the number of images and their size alone.

Kolesnikov, Beyer, Zhai, Puigcerver, Yung, Gelly, Houlsby 2020, "Big Transfer (BiT): General Visual Representation
Learning", section 3.3; github.com/google-research/big_transfer, bit_hyperrule.py.
"""

import math
from typing import NamedTuple

from plusx.data.augment.augment import BatchAugment
from plusx.data.augment.combine import InTurn
from plusx.data.augment.mixup import Mixup
from plusx.data.transforms import TrainTransformConfig
from plusx.engine.optimizers.sgd import SGD
from plusx.engine.plan import Plan
from plusx.engine.schedules.multistep import MultiStep
from plusx.workflows.recipes.recipe import RECIPES, Facts, Recipe

BATCH = 512
LEAST_STEPS = 1
"""A batch may hold all images: the rule counts steps."""

SMALL_SIDE = 96
"""Images of less than this squared are small."""


class Steps(NamedTuple):
    """`decays`: the rate is divided by 10 after each."""

    warmup: int
    decays: tuple[int, ...]
    all: int


def steps_for(images: int) -> Steps:
    """Small, medium and large sets of images."""
    if images < 20_000:
        return Steps(100, (200, 300, 400), 500)
    if images < 500_000:
        return Steps(500, (3_000, 6_000, 9_000), 10_000)
    return Steps(500, (6_000, 12_000, 18_000), 20_000)


@RECIPES.register("bit-hyperrule")
def bit_hyperrule(facts: Facts) -> Recipe:
    """SGD at 0.003 without weight decay, for a number of steps by the number of images; mixup from 20,000 images on.

    128 pixels for images smaller than 96 × 96, else 480. BiT-M R50x1 from ImageNet-21k: 97.4 % on CIFAR-10, 86.6 % on
    CIFAR-100. Steps count as published also where the images fill smaller batches.

        plusx fit DATA --model resnet50 --weights imagenet --recipe bit-hyperrule
    """
    steps = steps_for(facts.images)
    steps_per_epoch = math.ceil(facts.images / facts.batch_for(BATCH, LEAST_STEPS))
    small = facts.side is not None and facts.side < SMALL_SIDE
    precrop, crop = (160, 128) if small else (512, 480)
    plan = Plan(
        epochs=math.ceil(steps.all / steps_per_epoch),
        optimizer=SGD(rate=0.003, momentum=0.9, weight_decay=0.0, nesterov=False),
        schedule=MultiStep(tuple(at / steps.all for at in steps.decays), warmup=steps.warmup / steps.all),
    )
    mix: tuple[BatchAugment, ...] = (Mixup(facts.kind, facts.classes, alpha=0.1),) if facts.images >= 20_000 else ()
    part = (crop / precrop) ** 2
    transform = TrainTransformConfig(scale=(part, part), ratio=(1.0, 1.0))
    return Recipe(plan, BATCH, transform=transform, augment=InTurn(mix), image_size=crop)

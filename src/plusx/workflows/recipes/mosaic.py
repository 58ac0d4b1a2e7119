"""Mosaic ResNet: mild, medium and hot, three recipes for short, long and very long trainings.

MosaicML 2022, github.com/mosaicml/examples, blogs/resnet/recipes. Their optimizer decays weights apart from the
gradient, by `weight_decay` · rate / first rate a step; here decay goes through the momentum, where λ (1 − μ) / rate
shrinks weights as fast.
"""

from dataclasses import replace

from plusx.data.augment.combine import InTurn
from plusx.data.augment.mixup import Mixup
from plusx.data.augment.pixels.rand_augment import RandAugment
from plusx.data.augment.progressive import Progressive
from plusx.data.transforms import TrainTransformConfig
from plusx.engine.averages.ema import Ema
from plusx.engine.optimizers.sgd import SGD
from plusx.engine.plan import Plan
from plusx.engine.schedules.cosine import Cosine
from plusx.engine.sharpness import Sharpness
from plusx.nn.losses.binary_cross_entropy import BinaryCrossEntropy
from plusx.workflows.recipes.recipe import RECIPES, Facts, Recipe

BATCH, WARMUP_EPOCHS = 2048, 8
RATE, MOMENTUM = 2.048, 0.875
HALF_LIFE, AVERAGED_EVERY = 100, 20
"""Steps after which a weight counts half in the average, and between two updates of it."""


@RECIPES.register("mosaic-mild")
def mosaic_mild(facts: Facts) -> Recipe:
    """SGD at 2.048 for 2,048 images, binary cross-entropy, images that grow to 176 pixels, 29 epochs.

    ResNet-50 on ImageNet at 224 pixels: 76.19 %.

        plusx fit DATA --model resnet50 --recipe mosaic-mild
    """
    return Recipe(
        plan_of(29, decoupled=5e-4),
        BATCH,
        transform=TrainTransformConfig(scale=(0.08, 1.0)),
        loss=BinaryCrossEntropy(smoothing=0.08, over_classes="sum"),
        progressive=Progressive(first=0.5, delay=0.4, until=0.8, multiple=4),
        blur_pool=True,
        image_size=176,
        test_size=224,
    )


@RECIPES.register("mosaic-medium")
def mosaic_medium(facts: Facts) -> Recipe:
    """Mild for 90 epochs with mixup and, every tenth step, sharpness-aware minimisation.

    plusx fit DATA --model resnet50 --recipe mosaic-medium
    """
    mix = Mixup(facts.kind, facts.classes, alpha=0.2)
    return replace(
        mosaic_mild(facts),
        plan=replace(plan_of(90, decoupled=5e-4), sharpness=Sharpness(rho=0.5, every=10)),
        loss=BinaryCrossEntropy(smoothing=0.1, over_classes="sum"),
        augment=InTurn((mix,)),
    )


@RECIPES.register("mosaic-hot")
def mosaic_hot(facts: Facts) -> Recipe:
    """Medium for 234 epochs, with all of it stronger, RandAugment and stochastic depth.

    plusx fit DATA --model resnet50 --recipe mosaic-hot
    """
    mix = Mixup(facts.kind, facts.classes, alpha=0.25)
    return replace(
        mosaic_medium(facts),
        plan=replace(plan_of(234, decoupled=3e-4), sharpness=Sharpness(rho=0.5, every=5)),
        loss=BinaryCrossEntropy(smoothing=0.13, over_classes="sum"),
        pixels=(RandAugment(count=1, magnitude=15),),
        augment=InTurn((mix,)),
        drop_path=0.1,
        progressive=Progressive(first=0.6, delay=0.2, until=0.8, multiple=4),
    )


def plan_of(epochs: int, decoupled: float) -> Plan:
    """Warm-up over eight epochs, then half a cosine. decoupled: the published weight decay."""
    return Plan(
        epochs=epochs,
        optimizer=SGD(RATE, MOMENTUM, weight_decay=decoupled * (1 - MOMENTUM) / RATE, nesterov=False),
        schedule=Cosine(warmup=WARMUP_EPOCHS / epochs),
        average=Ema(0.5 ** (AVERAGED_EVERY / HALF_LIFE), every=AVERAGED_EVERY, warmup=False),
    )

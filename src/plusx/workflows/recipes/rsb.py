"""ResNet strikes back: procedures A1, A2 and A3, and B.

Wightman, Touvron, Jégou 2021, "ResNet strikes back: An improved training procedure in timm", arXiv 2110.00476.
"""

from plusx.data.augment.combine import InTurn, OneOf
from plusx.data.augment.cutmix import CutMix
from plusx.data.augment.erasing import RandomErasing
from plusx.data.augment.mixup import Mixup
from plusx.data.augment.pixels.rand_augment import TimmRandAugment
from plusx.data.transforms import TrainTransformConfig
from plusx.engine.averages.ema import Ema
from plusx.engine.optimizers.lamb import Lamb
from plusx.engine.optimizers.rmsprop_tf import RMSpropTF
from plusx.engine.plan import Plan
from plusx.engine.schedules.cosine import Cosine
from plusx.engine.schedules.step import Step
from plusx.nn.losses.binary_cross_entropy import BinaryCrossEntropy
from plusx.workflows.recipes.recipe import RECIPES, Facts, Recipe

BATCH, WARMUP_EPOCHS = 2048, 5


@RECIPES.register("a1")
def a1(facts: Facts) -> Recipe:
    """LAMB at 5e-3 for 2,048 images, 600 epochs; binary cross-entropy, mixup or CutMix, RandAugment, each image thrice.

    ResNet-50 on ImageNet at 224 pixels: 80.4 %.

        plusx fit DATA --model resnet50 --recipe a1
    """
    loss, moved = BinaryCrossEntropy(smoothing=0.1), TimmRandAugment(magnitude=7, noise=0.5)
    plan = procedure(600, Lamb(rate=5e-3, weight_decay=0.01))
    return Recipe(plan, BATCH, WHOLE, (moved,), mixed(facts, 0.2), repeats=3, loss=loss, drop_path=0.05, image_size=224)


@RECIPES.register("a2")
def a2(facts: Facts) -> Recipe:
    """As A1, for 300 epochs; weaker mixup, stronger weight decay, no label smoothing; a picture of two classes is
    of both. ResNet-50: 79.8 %.

    plusx fit DATA --model resnet50 --recipe a2
    """
    loss, moved = BinaryCrossEntropy(threshold=0.2), TimmRandAugment(magnitude=7, noise=0.5)
    plan = procedure(300, Lamb(rate=5e-3, weight_decay=0.02))
    return Recipe(plan, BATCH, WHOLE, (moved,), mixed(facts, 0.1), repeats=3, loss=loss, drop_path=0.05, image_size=224)


@RECIPES.register("a3")
def a3(facts: Facts) -> Recipe:
    """As A2 but for its threshold, for 100 epochs at 160 pixels, at 8e-3; each image once. ResNet-50 at 224: 78.1 %.

    plusx fit DATA --model resnet50 --recipe a3
    """
    moved = TimmRandAugment(magnitude=6, noise=0.5)
    plan = procedure(100, Lamb(rate=8e-3, weight_decay=0.02))
    loss = BinaryCrossEntropy()
    return Recipe(plan, BATCH, WHOLE, (moved,), mixed(facts, 0.1), loss=loss, image_size=160, test_size=224)


@RECIPES.register("b")
def b(facts: Facts) -> Recipe:
    """RMSprop as TensorFlow computes it, the rate times 0.97 every 2.4 epochs, averaged weights, RandAugment, erasing.

    timm's recipe from before the paper, which names it B; the numbers are those of timm's example.

        plusx fit DATA --model resnet50 --recipe b
    """
    plan = Plan(
        epochs=450,
        optimizer=RMSpropTF(rate=0.016, eps=1e-3, weight_decay=1e-5),
        schedule=Step(every=2.4, gamma=0.97, warmup=WARMUP_EPOCHS / 450, warmup_from=1e-6 / 0.016),
        average=Ema(0.9999),
    )
    return Recipe(
        plan,
        256,
        WHOLE,
        pixels=(TimmRandAugment(magnitude=9, noise=0.5),),
        augment=InTurn((RandomErasing(probability=0.2, area=(0.02, 1 / 3), fill="pixel"),)),
        label_smoothing=0.1,
        dropout=0.3,
        drop_path=0.2,
        image_size=224,
    )


WHOLE = TrainTransformConfig(scale=(0.08, 1.0))
"""Random-resized crops as everybody has them: Szegedy et al. 2015, section 6."""


def procedure(epochs: int, optimizer: Lamb) -> Plan:
    """Warm-up over five epochs, then half a cosine."""
    return Plan(epochs, optimizer, Cosine(warmup=WARMUP_EPOCHS / epochs, warmup_from=1e-4))


def mixed(facts: Facts, alpha: float) -> InTurn:
    """For every batch mixup or CutMix, each as likely."""
    kind, classes = facts.kind, facts.classes
    return InTurn((OneOf((Mixup(kind, classes, alpha), CutMix(kind, classes, alpha=1.0))),))

"""Training from random weights on few images."""

from plusx.data.augment.augment import BatchAugment
from plusx.data.augment.combine import InTurn
from plusx.data.augment.mixup import Mixup
from plusx.data.transforms import TrainTransformConfig
from plusx.engine.optimizers.adamw import AdamW
from plusx.engine.optimizers.muon import Muon
from plusx.engine.optimizers.optimizer import OptimizerConfig
from plusx.engine.plan import Plan
from plusx.engine.schedules.cosine import Cosine
from plusx.workflows.recipes.recipe import RECIPES, Facts, Recipe


@RECIPES.register("scratch-small")
def scratch_small(facts: Facts) -> Recipe:
    """Muon (AdamW for several labels) with strong weight decay, mixup, label smoothing; small images.

    Muon: after 6 to 20 epochs it was far ahead of SGD and AdamW in telling classes apart, in the same time; for several
    labels it was behind AdamW (benchmarks/RESULTS.md). It needs whole matrices: where these are divided over processes,
    AdamW too. Random-resized crops from 0.35 of the area: the Imagenette baselines of fastai.
    mixup 0.2 and label smoothing 0.1: the steps of torchvision's recipe (Vryniotis 2021). Published score: none for
    "few images".

        plusx fit DATA --model resnet18 --recipe scratch-small
    """
    plan = Plan(
        epochs=40,
        optimizer=_optimizer(facts),
        schedule=Cosine(warmup=0.1),
        clip=1.0 if facts.kind == "value" else None,  # squared errors have no bound
    )
    mixes = facts.kind in ("label", "labels")
    mix: tuple[BatchAugment, ...] = (Mixup(facts.kind, facts.classes, alpha=0.2),) if mixes else ()
    return Recipe(
        plan,
        batch_size=32,
        transform=TrainTransformConfig(scale=(0.35, 1.0), brightness=0.2, contrast=0.2, saturation=0.2),
        augment=InTurn(mix),
        label_smoothing=0.1 if facts.kind == "label" else 0.0,
        image_size=min(facts.size, 128),
    )


def _optimizer(facts: Facts) -> OptimizerConfig:
    if facts.kind == "labels" or facts.sharded:
        return AdamW(rate=1e-3, weight_decay=0.05)
    return Muon(rate=0.03, weight_decay=0.05)

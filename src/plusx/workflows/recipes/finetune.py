"""Fine-tuning pretrained weights."""

from plusx.data.transforms import TrainTransformConfig
from plusx.engine.optimizers.adamw import AdamW
from plusx.engine.plan import Plan
from plusx.engine.schedules.cosine import Cosine
from plusx.workflows.recipes.recipe import RECIPES, Facts, Recipe


@RECIPES.register("finetune")
def finetune(facts: Facts) -> Recipe:
    """The head first, then all, earlier layers more slowly.

    After Howard and Ruder 2018 (ULMFiT, sections 3.2 and 3.3: discriminative rates, gradual unfreezing) and the
    defaults of fastai's `fine_tune` (one frozen epoch, base rate 2e-3 halved after it, first layers at 1/100 of it):
    0.4 per stage over five stages gives that 1/100. The rate of 1e-3 is that half of 2e-3, and AdamW's weight decay
    fastai's 0.01. Other rates have not been compared on published weights; for small networks `--rate 5e-3` is worth a
    try. BatchNorm keeps learning with batches of 32; published score: none, it depends on the data.

        plusx fit DATA --model resnet50 --weights imagenet
    """
    plan = Plan(
        epochs=6,
        frozen_epochs=1,
        optimizer=AdamW(rate=1e-3, weight_decay=0.01),
        schedule=Cosine(warmup=0.1),
        stage_decay=0.4,
        clip=1.0,
    )
    smoothing = 0.1 if facts.kind == "label" else 0.0
    return Recipe(plan, batch_size=32, transform=TrainTransformConfig(scale=(0.35, 1.0)), label_smoothing=smoothing)

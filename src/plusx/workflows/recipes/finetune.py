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
    defaults of fastai's `fine_tune` (one frozen epoch, base rate 2e-3 halved after it, weight decay 0.01). That has
    the first layers at 1/100 of the rate; here each stage has 0.7 of the next one's, the first of five a sixth: from
    weights that know little of the images at hand that was 5 and 12 points better (benchmarks/RESULTS.md). On published
    weights neither has been compared; for small networks `--rate 5e-3` is worth a try. BatchNorm keeps learning with
    batches of 32; published score: none, it depends on the data.

        plusx fit DATA --model resnet50 --weights imagenet
    """
    plan = Plan(
        epochs=6,
        frozen_epochs=1,
        optimizer=AdamW(rate=1e-3, weight_decay=0.01),
        schedule=Cosine(warmup=0.1),
        stage_decay=0.7,
        clip=1.0,
    )
    smoothing = 0.1 if facts.kind == "label" else 0.0
    return Recipe(plan, batch_size=32, transform=TrainTransformConfig(scale=(0.35, 1.0)), label_smoothing=smoothing)

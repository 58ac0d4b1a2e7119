"""Training detectors and segmentation networks on few images."""

from plusx.core.sample import DENSE
from plusx.data.jitter import JitterConfig
from plusx.data.mosaic import MixConfig
from plusx.engine.averages.ema import Ema
from plusx.engine.optimizers.adamw import AdamW
from plusx.engine.plan import Plan
from plusx.engine.schedules.cosine import Cosine
from plusx.workflows.recipes.recipe import RECIPES, Facts, Recipe


@RECIPES.register("dense")
def dense(facts: Facts) -> Recipe:
    """AdamW with warm-up, averaged weights, scale jitter, half of the pictures mosaics.

    AdamW at 1e-3 with weight decay 0.05: the settings of RTMDet (Lyu et al. 2022, arXiv 2212.07784, Table 2) for a
    batch of 256, at a quarter of their 4e-3. RT-DETR is trained at 1e-4 by its authors, and for longer: 72 epochs of
    COCO (github.com/lyuwenyu/RT-DETR). Published score: none for "few images"; ours stand in benchmarks/RESULTS.md.

        plusx fit DATA --task segment --model resnet18 --recipe dense
    """
    rate = 1e-4 if facts.head == "rt-detr" else 1e-3
    plan = Plan(
        epochs=40,
        optimizer=AdamW(rate=rate, weight_decay=0.05),
        schedule=Cosine(warmup=0.1),
        average=Ema(0.99),
        clip=10.0,
    )
    transform = JitterConfig(scale=(0.8, 1.25), brightness=0.2, contrast=0.2, saturation=0.2)
    placed = facts.kind in DENSE
    return Recipe(
        plan,
        batch_size=8,
        transform=transform,
        mix=MixConfig(facts.kind, mosaic=0.5) if placed else None,
        image_size=256,
    )

"""fastai's Imagenette recipe: ten easy classes of ImageNet, 128 to 256 pixels, 5 to 200 epochs.

github.com/fastai/imagenette, 2020-01-train.md; github.com/fastai/fastai, nbs/examples/train_imagenette.py.
"""

from plusx.data.transforms import TrainTransformConfig
from plusx.engine.optimizers.adamw import AdamW
from plusx.engine.optimizers.lookahead import Lookahead
from plusx.engine.plan import Plan
from plusx.engine.schedules.flat_cosine import FlatCosine
from plusx.workflows.recipes.recipe import RECIPES, Facts, Recipe


@RECIPES.register("xresnet")
def xresnet(facts: Facts) -> Recipe:
    """Adam with decoupled weight decay at 8e-3, flat for three quarters, then half a cosine; label smoothing.

    20 epochs at 128 pixels, the second of the leaderboard's lengths. Where fastai has Ranger (RAdam in Lookahead), here
    it is AdamW in Lookahead, which warms up over a twentieth of the steps.

        plusx fit DATA --model resnet50 --recipe xresnet
    """
    plan = Plan(
        epochs=20,
        optimizer=AdamW(rate=8e-3, betas=(0.95, 0.99), eps=1e-6, weight_decay=1e-2),
        lookahead=Lookahead(k=6, alpha=0.5),
        schedule=FlatCosine(flat=0.75, final=1e-5, warmup=0.05),
    )
    return Recipe(
        plan,
        64,
        transform=TrainTransformConfig(scale=(0.35, 1.0)),
        label_smoothing=0.1,
        image_size=min(facts.size, 128),
    )

"""For labels that are not as one wishes: classes of which few have most images, and labels of which many are wrong."""

from dataclasses import replace

from plusx.nn.losses.generalised_cross_entropy import GeneralisedCrossEntropy
from plusx.nn.losses.logit_adjustment import LogitAdjustment
from plusx.workflows.recipes.finetune import finetune
from plusx.workflows.recipes.recipe import RECIPES, Facts, Recipe
from plusx.workflows.recipes.scratch_small import scratch_small


@RECIPES.register("imbalanced")
def imbalanced(facts: Facts) -> Recipe:
    """`finetune` or `scratch-small`, by the weights, with logit-adjusted cross-entropy at τ = 1.

    Menon et al. 2021, "Long-tail learning via logit adjustment" (arXiv 2007.07314): rare classes are not
    held back by being rare, so the mean accuracy over the classes rises; that over the images may fall.

        plusx fit DATA --recipe imbalanced
    """
    return replace(usual(facts), loss=LogitAdjustment(tau=1.0), label_smoothing=0.0)


@RECIPES.register("noisy-labels")
def noisy_labels(facts: Facts) -> Recipe:
    """`finetune` or `scratch-small`, by the weights, with generalised cross-entropy at q = 0.7.

    Zhang and Sabuncu 2018, "Generalized Cross Entropy Loss for Training Deep Neural Networks with Noisy Labels" (arXiv
    1805.07836): between cross-entropy and the mean absolute error, so that labels the network doubts pull less.
    `--losses early-learning` takes early-learning regularisation (Liu et al. 2020) in its place.

        plusx fit DATA --recipe noisy-labels
    """
    return replace(usual(facts), loss=GeneralisedCrossEntropy(q=0.7), label_smoothing=0.0)


def usual(facts: Facts) -> Recipe:
    """What these weights are trained by, where the labels are as they should be."""
    return (finetune if facts.pretrained else scratch_small)(facts)

"""Batches that the images can fill, and the rate for them."""

import pytest

from plusx.data.transforms import TrainTransformConfig
from plusx.engine.optimizers.adamw import AdamW
from plusx.engine.optimizers.muon import Muon
from plusx.engine.optimizers.sgd import SGD
from plusx.engine.plan import OPTIMIZERS, Plan
from plusx.workflows.recipes.recipe import Facts, Recipe
from plusx.workflows.recipes.scaling import RULES, for_batch, rate_for, with_rate


@pytest.mark.parametrize(
    ("images", "published", "batch"),
    [
        *((1_281_167, 2048, 2048), (20_000, 2048, 2048), (10_000, 2048, 1024), (640, 2048, 64), (200, 2048, 16)),
        *((100, 2048, 8), (3, 2048, 8), (640, 32, 32)),
    ],
)
def test_a_few_images_do_not_fill_the_published_batch(images: int, published: int, batch: int) -> None:
    assert Facts(images, "label", 10, 224).batch_for(published) == batch


def test_the_batch_asked_for_is_taken() -> None:
    assert Facts(100, "label", 10, 224, batch=48).batch_for(2048) == 48


def test_the_rate_follows_by_the_rule_of_the_optimizer() -> None:
    assert rate_for(SGD(rate=0.1), 256, 32) == pytest.approx(0.1 / 8)
    assert rate_for(AdamW(rate=0.004), 256, 64) == pytest.approx(0.002)


def test_both_rates_of_muon_follow() -> None:
    assert with_rate(Muon(rate=0.02, adamw_rate=1e-3), 0.01) == Muon(rate=0.01, adamw_rate=5e-4)


def test_every_optimizer_has_a_rule() -> None:
    assert set(RULES) == set(OPTIMIZERS.values())


@pytest.mark.parametrize(("shown", "passes"), [(None, 8), (448, 32), (4000, 2048)])
def test_larger_images_go_in_more_passes(shown: int | None, passes: int) -> None:
    facts = Facts(1_281_167, "label", 1000, 224, shown=shown)
    recipe = Recipe(Plan(), 2048, TrainTransformConfig(), image_size=224)
    fitted = for_batch(recipe, facts, accumulate=1)
    assert (fitted.batch_size * fitted.plan.accumulate, fitted.plan.accumulate) == (2048, passes)

"""Batches that the images can fill, and the rate for them."""

import pytest

from plusx.engine.optimizers.adamw import AdamW
from plusx.engine.optimizers.muon import Muon
from plusx.engine.optimizers.sgd import SGD
from plusx.engine.plan import OPTIMIZERS
from plusx.workflows.recipes.recipe import Facts
from plusx.workflows.recipes.scaling import RULES, rate_for, with_rate


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

"""The optimizer that a user names, beside a recipe."""

from dataclasses import replace

import pytest

from plusx.core.errors import InputError
from plusx.engine.anchor import Anchor
from plusx.engine.optimizers.adamw import AdamW
from plusx.engine.optimizers.lamb import Lamb
from plusx.engine.optimizers.lion import Lion
from plusx.engine.optimizers.muon import Muon
from plusx.engine.optimizers.sgd import SGD
from plusx.engine.plan import Plan
from plusx.engine.sharpness import Sharpness
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.options import settings_from
from plusx.workflows.plan_settings import choose_sharpness, named_optimizer, plan_notes, tuned_optimizer

HALF = Plan(optimizer=SGD(rate=0.05, weight_decay=5e-4))


def test_a_named_optimizer_takes_as_much_of_its_usual_rate_as_the_recipe_of_its_own() -> None:
    assert named_optimizer(FitSettings(), HALF) is HALF.optimizer
    assert named_optimizer(FitSettings(optimizer="sgd"), HALF) is HALF.optimizer
    assert named_optimizer(FitSettings(optimizer="adamw"), HALF) == AdamW(rate=5e-4)
    assert named_optimizer(FitSettings(optimizer="lion"), HALF) == Lion(rate=1.5e-4)
    assert named_optimizer(FitSettings(optimizer="muon"), HALF) == Muon(rate=0.01, adamw_rate=5e-4)


def test_own_rate_and_decay_go_before() -> None:
    settings = FitSettings(optimizer="lion", rate=3e-4, weight_decay=0.1)
    named = replace(HALF, optimizer=named_optimizer(settings, HALF))
    assert tuned_optimizer(settings, named) == Lion(rate=3e-4, weight_decay=0.1)
    assert tuned_optimizer(FitSettings(rate=0.2), HALF) == SGD(rate=0.2, weight_decay=5e-4)


def test_sam_is_a_radius_and_0_switches_it_off() -> None:
    sharp = Plan(sharpness=Sharpness(0.5, adaptive=True))
    assert choose_sharpness(FitSettings(), sharp) == sharp.sharpness
    assert choose_sharpness(FitSettings(sam=0.1), sharp) == Sharpness(0.1, adaptive=True)
    assert choose_sharpness(FitSettings(sam=0.1), HALF) == Sharpness(0.1)
    assert choose_sharpness(FitSettings(sam=0.0), sharp) is None


def test_lamb_with_few_images_is_warned_of() -> None:
    (text,) = plan_notes(Plan(optimizer=Lamb()), 8, pretrained=True)
    assert text == (
        "LAMB with steps of 8 images: it was made for thousands, where the norm of a layer's update says something; "
        "with so few it follows their noise. Take --optimizer adamw or sgd, or steps of 64 or more (--batch-size, "
        "--accumulate)."
    )
    assert plan_notes(Plan(optimizer=Lamb()), 64, pretrained=True) == plan_notes(HALF, 8, pretrained=True) == ()


@pytest.mark.parametrize("plan", [Plan(optimizer=Lamb(), anchor=Anchor()), Plan(optimizer=Lamb(weight_decay=0.0))])
def test_lamb_without_weight_decay_is_warned_of(plan: Plan) -> None:
    (text,) = plan_notes(plan, 64, pretrained=True)
    assert text == (
        "LAMB without weight decay, as with L2-SP or 0: no layer has a rate of its own then, as in timm, and what "
        "is left is Adam at LAMB's rate. Take --optimizer adamw, or a weight decay without L2-SP."
    )


def test_a_misspelt_optimizer_is_refused() -> None:
    with pytest.raises(InputError, match="adamw"):
        settings_from(FitSettings, {"optimizer": "adam"})

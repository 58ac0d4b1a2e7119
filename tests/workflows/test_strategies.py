"""What the words for fine-tuning make of the plan, and what is said of it."""

from typing import Any

import pytest

from plusx.adapt.lp_ft import PROBING
from plusx.core.errors import InputError
from plusx.engine.anchor import Anchor
from plusx.engine.plan import Plan
from plusx.workflows.choosing import choose_recipe
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.recipes.recipe import Facts
from plusx.workflows.strategies import least_epochs, phase_notes

FACTS = Facts(images=200, kind="label", classes=3, size=224, pretrained=True)


def plan(**settings: Any) -> Plan:
    return choose_recipe(FitSettings(**settings), FACTS).recipe.plan


@pytest.mark.parametrize(
    ("strategy", "phases"),
    [
        (None, [0, 5, 5, 5, 5, 5]),
        ("head-then-all", [0, 5, 5, 5, 5, 5]),
        ("gradual", [0, 1, 2, 3, 4, 5]),
        ("lp-ft", [0, 0, 0, 5, 5, 5]),
        ("all", [5] * 6),
        ("head", [0] * 6),
    ],
)
def test_a_word_decides_how_many_stages_learn_in_each_epoch(strategy: str | None, phases: list[int]) -> None:
    made = plan(strategy=strategy)
    assert [made.learning_stages(epoch, 5) for epoch in range(6)] == phases
    assert (made.frozen_schedule == PROBING) == (strategy == "lp-ft")
    assert Plan.from_json(made.to_json()) == made


def test_epochs_for_the_head_are_the_users() -> None:
    assert plan(strategy="gradual", frozen_epochs=3).frozen_epochs == 3
    assert plan(strategy="lp-ft", epochs=10, frozen_epochs=2).frozen_epochs == 2
    assert plan(epochs=1).frozen_epochs == 0
    with pytest.raises(
        InputError, match=r"--strategy lp-ft trains the head first .* 2 epochs or more, and this run has 1"
    ):
        plan(strategy="lp-ft", epochs=1)


@pytest.mark.parametrize(
    ("settings", "least"),
    [
        ({}, 1),
        ({"strategy": "lp-ft"}, 2),
        ({"wise": 0.5}, 2),
        ({"frozen_epochs": 3}, 3),
        ({"warmup_epochs": 2}, 3),  # after one of the head
        ({"strategy": "all", "warmup_epochs": 2}, 2),
    ],
)
def test_epochs_without_which_it_cannot_be_trained(settings: dict[str, Any], least: int) -> None:
    asked = FitSettings(**settings)
    made = plan(**settings)
    assert least_epochs(asked, made) == least
    assert plan(**settings, epochs=least).epochs == least
    if least > 1:
        with pytest.raises(InputError):
            plan(**settings, epochs=least - 1)


def test_the_anchor_is_the_users() -> None:
    assert plan().anchor is None
    assert plan(l2_sp=0.2).anchor == Anchor(backbone=0.2)
    assert plan(l2_sp=0.0).anchor is None


def test_stages_that_never_learn_are_told() -> None:
    assert phase_notes(plan(strategy="gradual"), 5) == ()
    assert phase_notes(plan(strategy="gradual", epochs=4), 5) == (
        "gradual unfreezing: 4 epochs reach 3 of 5 stages, one more each epoch; the 2 nearest to the image never "
        "learn. All do with --epochs 6.",
    )

from typing import Any

import pytest

from plusx.workflows.recipes.dense import dense
from plusx.workflows.recipes.finetune import finetune
from plusx.workflows.recipes.recipe import Facts, Recipe
from plusx.workflows.recipes.scratch_small import scratch_small
from plusx.workflows.search_space import Known, candidates, rounded, search_space
from plusx.workflows.tune_settings import TuneSettings


def names(recipe: Recipe, kind: Any = "label", pretrained: bool = False, given: frozenset[str] = frozenset()) -> str:
    known = Known(kind, recipe, ("resnet18", "resnet50"), pretrained)
    return " ".join(one.name for one in search_space(known, given))


def test_each_task_has_its_rows() -> None:
    assert names(scratch_small(Facts(100, "label", 3, 224))) == "model rate weight_decay crop colour flip"
    assert "frozen_epochs" in names(finetune(Facts(100, "label", 3, 224)), pretrained=True)
    assert names(dense(Facts(100, "boxes", 3, 224)), "boxes") == "model rate weight_decay colour flip mosaic mixup"
    assert names(dense(Facts(100, "mask", 3, 224)), "mask") == "model rate weight_decay colour flip mosaic"


def test_what_was_given_is_not_searched() -> None:
    given = frozenset({"rate", "flip", "model"})
    assert names(scratch_small(Facts(100, "label", 3, 224)), given=given) == "weight_decay crop colour"
    strategy = names(finetune(Facts(100, "label", 3, 224)), pretrained=True, given=frozenset({"strategy"}))
    assert "frozen_epochs" not in strategy
    anchored = names(finetune(Facts(100, "label", 3, 224)), pretrained=True, given=frozenset({"l2_sp"}))
    assert "weight_decay" not in anchored


def test_the_recipes_own_values_lie_within() -> None:
    known = Known("label", scratch_small(Facts(100, "label", 3, 224)), ("resnet18",), False)
    for one in search_space(known, frozenset()):
        if one.scale == "choice":
            assert one.usual in one.values
        else:
            assert one.values[0] <= one.usual <= one.values[1]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ("resnet18", "resnet50")),
        ({"model": "resnet34"}, ("resnet34",)),
        ({"models": ("resnet18,resnet34", "resnet18")}, ("resnet18", "resnet34")),
        ({"weights": "here.pth"}, ("resnet18",)),
    ],
)
def test_the_networks_to_choose_from(given: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert candidates(TuneSettings(**given), frozenset(given)) == expected


def test_values_have_three_digits() -> None:
    assert rounded({"rate": 0.0123456, "flip": True, "model": "a"}) == {"rate": 0.0123, "flip": True, "model": "a"}

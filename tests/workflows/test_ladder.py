from types import SimpleNamespace
from typing import Any

import pytest

from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.ladder import ladder


def rungs(kind: str = "label", size: tuple[int, int] = (400, 300), **given: Any) -> list[tuple[str, int | None]]:
    prepared: Any = SimpleNamespace(listing=SimpleNamespace(kind=kind), audit=SimpleNamespace(sizes=frozenset({size})))
    found = ladder(FitSettings(**given), prepared, frozenset(given))
    return [(one.model, one.image_size) for one in found]


def test_larger_inputs_come_first_and_then_the_deeper_network() -> None:
    sizes = [64, 96, 128, 160, 192, 224]
    assert rungs() == [*(("resnet18", size) for size in sizes), ("resnet50", 224)]
    assert rungs("boxes") == [*(("resnet18", size) for size in (128, 192, 256, 320)), ("resnet50", 320)]


def test_no_input_is_much_larger_than_the_images() -> None:
    assert rungs(size=(100, 80)) == [("resnet18", 64), ("resnet18", 96), ("resnet18", 128), ("resnet50", 128)]
    assert rungs("mask", (90, 90)) == [("resnet18", 128), ("resnet50", 128)]


def test_small_images_stay_as_they_are() -> None:
    assert rungs(size=(28, 28)) == [("resnet20", 32), ("resnet18", 32)]
    assert rungs(size=(64, 64)) == [("resnet18", 64)]
    assert rungs(size=(28, 28), model="resnet34") == [("resnet34", 32)]
    assert rungs(model="resnet56") == [("resnet56", 64)]


def test_what_was_given_is_kept() -> None:
    assert rungs(image_size=160) == [("resnet18", 160), ("resnet50", 160)]
    assert rungs(model="resnet34", image_size=96) == [("resnet34", 96)]
    assert {model for model, _ in rungs(model="resnet34")} == {"resnet34"}


def test_pretrained_weights_go_up_to_their_own_size() -> None:
    assert rungs(model="resnet18.a1_in1k") == [("resnet18.a1_in1k", size) for size in (128, 160, 224)]


@pytest.mark.usefixtures("caches_of_its_own")
def test_of_published_weights_only_those_that_are_here_are_tried() -> None:
    assert {model for model, _ in rungs(weights="imagenet")} == {"resnet18"}

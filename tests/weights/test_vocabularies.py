"""Class names of public data sets."""

import subprocess
import sys

import pytest

from plusx.backbones.catalogue import card, cards
from plusx.weights.vocabularies import VOCABULARY_SIZES, vocabulary


@pytest.mark.parametrize("name", VOCABULARY_SIZES)
def test_sizes_and_no_name_twice(name: str) -> None:
    names = vocabulary(name)
    assert names is not None
    assert len(names) == len(set(names)) == VOCABULARY_SIZES[name]


def test_every_card_has_a_known_one() -> None:
    assert {card(name).vocabulary for name in cards()} <= set(VOCABULARY_SIZES)


def test_unknown() -> None:
    assert vocabulary("") is None


def test_torchvision_is_imported_only_for_imagenet() -> None:
    code = "import sys; from plusx.weights.vocabularies import vocabulary as v; v('cifar-10'); print(*sys.modules)"
    assert "torchvision" not in subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout

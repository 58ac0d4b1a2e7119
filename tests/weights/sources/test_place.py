"""Every tensor of every architecture has a place, and the place gives the name back."""

import pytest

from plusx.backbones.catalogue import architectures
from plusx.weights.create import create_model
from plusx.weights.sources.place import Place, place
from plusx.weights.sources.plusx import names
from plusx.weights.uninitialised import Uninitialised

DEEPEST = "resnet1202"
NAMES = [*(name for name in architectures() if name != DEEPEST), pytest.param(DEEPEST, marks=pytest.mark.slow)]


@pytest.mark.parametrize("name", NAMES)
def test_there_and_back(name: str) -> None:
    with Uninitialised():
        tensors = create_model(name).state_dict()
    for tensor in tensors:
        spot = place(tensor)
        assert spot is not None
        assert names(spot) == (tensor,)


def test_places() -> None:
    assert place("backbone.conv1.norm.bias") == Place("stem", "norm", "bias", stage=1)
    assert place("backbone.conv4.block12.F.layer3.conv.weight") == Place("F", "conv", "weight", 4, 12, 3)
    assert place("backbone.conv2.block1.shortcut.norm.running_mean") == Place("shortcut", "norm", "running_mean", 2, 1)
    assert place("backbone.conv5.final.norm.weight") == Place("final", "norm", "weight", stage=5)
    assert place("head.fc.weight") == Place("head", "fc", "weight")


@pytest.mark.parametrize("name", ["", "conv1.weight", "backbone.conv2.F.layer1.conv.weight", "head.fc", "head.mean"])
def test_other_names(name: str) -> None:
    assert place(name) is None

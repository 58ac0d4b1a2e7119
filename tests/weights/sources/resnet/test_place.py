"""Every tensor of every residual network has a place."""

import pytest
import torch

from plusx.backbones.catalogue import architecture, architectures
from plusx.backbones.create import build
from plusx.tasks.classify import Classify, ClassifyConfig
from plusx.weights.sources.resnet.place import Place, place

MODULES = ("resnet", "resnext", "preact", "cifar", "senet", "resnet_d")
NAMES = [name for name in architectures() if architecture(name).module in MODULES]


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name == "resnet1202" else []) for name in NAMES]
)
def test_every_tensor_has_a_place_of_its_own(name: str) -> None:
    with torch.device("meta"):
        tensors = Classify(build(name), ClassifyConfig(classes=("a", "b"))).state_dict()
    places = [place(tensor) for tensor in tensors]
    assert None not in places
    assert len(set(places)) == len(tensors)


def test_places() -> None:
    assert place("backbone.conv1.norm.bias") == Place("stem", "norm", "bias", stage=1)
    assert place("backbone.conv4.block12.F.layer3.conv.weight") == Place("F", "conv", "weight", 4, 12, 3)
    assert place("backbone.conv2.block1.shortcut.norm.running_mean") == Place("shortcut", "norm", "running_mean", 2, 1)
    assert place("backbone.conv5.final.norm.weight") == Place("final", "norm", "weight", stage=5)
    assert place("backbone.conv1.layer3.conv.weight") == Place("stem", "conv", "weight", stage=1, layer=3)
    assert place("backbone.conv3.block2.F.se.reduce.bias") == Place("se", "reduce", "bias", 3, 2)
    assert place("head.fc.weight") == Place("head", "fc", "weight")


@pytest.mark.parametrize(
    "name", ["", "conv1.weight", "backbone.conv2.F.layer1.conv.weight", "head.fc", "head.mean", "x.fc.bias"]
)
def test_other_names(name: str) -> None:
    assert place(name) is None

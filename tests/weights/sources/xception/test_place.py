"""Every tensor of every Xception has a place of its own; blocks are numbered through."""

import pytest
import torch

from plusx.backbones.create import build
from plusx.tasks.classify import Classify, ClassifyConfig
from plusx.weights.sources.xception.place import Place, places


@pytest.mark.parametrize(
    ("name", "blocks"), [("xception", 12), ("xception41", 12), ("xception65", 20), ("xception71", 22)]
)
def test_every_tensor_has_a_place_of_its_own(name: str, blocks: int) -> None:
    with torch.device("meta"):
        tensors = Classify(build(name), ClassifyConfig(classes=("a", "b"))).state_dict()
    found = [place for place in places(tensors).values() if place is not None]
    assert len(found) == len(set(found)) == len(tensors)
    assert {place.block for place in found if place.role == "F"} == set(range(1, blocks + 1))
    assert {place.block for place in found if place.role == "last"} == {blocks + 1}


def test_places() -> None:
    expected = {
        "backbone.entry1.layer2.norm.bias": Place("stem", "norm", "bias", layer=2),
        "backbone.middle.block1.F.layer3.conv.depthwise.weight": Place("F", "conv", "weight", 2, 3, "depthwise"),
        "backbone.entry2.block1.shortcut.norm.running_var": Place("shortcut", "norm", "running_var", 1),
        "backbone.exit.layer1.pointwise.norm.weight": Place("last", "norm", "weight", 3, 1, "pointwise"),
        "head.fc.weight": Place("head", "fc", "weight"),
        "backbone.conv1.conv.weight": None,
        "entry1.layer1.conv.weight": None,
    }
    assert places(expected) == expected

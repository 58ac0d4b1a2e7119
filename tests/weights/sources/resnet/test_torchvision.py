"""Random weights through files of torchvision: the same logits to 1e-5, relative."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torchvision
from torch import Tensor, nn

from plusx.weights.create import create_model
from plusx.weights.sources.resnet.place import place
from plusx.weights.sources.resnet.torchvision import names

Randomise = Callable[[nn.Module], nn.Module]
Distance = Callable[[Tensor, Tensor], float]

QUICK = ("resnet18", "resnet50", "resnext50_32x4d")
SLOW = ("resnet34", "resnet101", "resnet152", "wide_resnet50_2", "wide_resnet101_2")
SLOW_TOO = ("resnext101_32x8d", "resnext101_64x4d")


@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW + SLOW_TOO)])
def test_logits_agree(name: str, tmp_path: Path, images: Tensor, randomise: Randomise, distance: Distance) -> None:
    reference = randomise(torchvision.models.get_model(name, weights=None))
    path = tmp_path / "weights.pth"
    torch.save(reference.state_dict(), path)
    with torch.inference_mode():
        found = create_model(name, weights=str(path)).eval()(images)
        assert distance(found, reference(images)) <= 1e-5


def test_every_name_is_torchvisions() -> None:
    ours = create_model("resnet50").state_dict()
    spots = [place(name) for name in ours]
    theirs = [name for spot in spots if spot is not None for name in names(spot)]
    assert sorted(theirs) == sorted(torchvision.models.resnet50(weights=None).state_dict())


def test_preactivation_has_no_name_there() -> None:
    spot = place("backbone.conv2.block1.preact.norm.weight")
    assert spot is not None
    assert names(spot) == ()

"""Random weights through files of timm: the same logits and gradients to 1e-5, relative, and back again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from plusx.core.errors import InputError
from plusx.core.task import Task
from plusx.weights.create import card_for, create_model
from plusx.weights.export_keys import save_as
from plusx.weights.sources.resnet import senet

Randomise = Callable[[nn.Module], nn.Module]
Distance = Callable[[Tensor, Tensor], float]

PAIRS = [*senet.COUNTERPARTS.items(), *senet.LEGACY_RESNETS.items(), *senet.LEGACY_RESNEXTS.items()]
QUICK = ("seresnet50", "legacy_seresnet50", "legacy_seresnext50_32x4d")


def cases() -> list[Any]:
    return [pytest.param(*pair, id=pair[1], marks=[pytest.mark.slow] * (pair[1] not in QUICK)) for pair in PAIRS]


def pair(ours: str, theirs: str, path: Path, randomise: Randomise) -> tuple[Task, nn.Module]:
    """timm's model, and ours from its file."""
    reference = randomise(timm.create_model(theirs, num_classes=7, drop_rate=0.0))
    save_file(reference.state_dict(), path)
    return create_model(ours, classes=7, weights=str(path)).eval(), reference


@pytest.mark.parametrize(("ours", "theirs"), cases())
def test_logits_agree(ours: str, theirs: str, tmp_path: Path, randomise: Randomise, distance: Distance) -> None:
    model, reference = pair(ours, theirs, tmp_path / "model.safetensors", randomise)
    generator = torch.Generator().manual_seed(0)
    for size in ((64, 64), (97, 65)):
        images = torch.randn(2, 3, *size, generator=generator)
        with torch.inference_mode():
            assert distance(model(images), reference(images)) <= 1e-5


@pytest.mark.parametrize(("ours", "theirs"), [("se_resnet50", "seresnet50"), ("se_resnet50", "legacy_seresnet50")])
def test_odd_sizes_as_photos_have_them(
    ours: str, theirs: str, tmp_path: Path, randomise: Randomise, distance: Distance
) -> None:
    model, reference = pair(ours, theirs, tmp_path / "model.safetensors", randomise)
    images = torch.randn(1, 3, 225, 193, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert distance(model(images), reference(images)) <= 1e-5


@pytest.mark.parametrize(("ours", "theirs"), cases())
def test_training_agrees(ours: str, theirs: str, tmp_path: Path, randomise: Randomise, distance: Distance) -> None:
    """In float64: batch statistics of few points make float32's noise larger than what is tested."""
    model, reference = pair(ours, theirs, tmp_path / "model.safetensors", randomise)
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)).double()
    found, expected = model.double().train()(images), reference.double().train()(images)
    assert distance(found.detach(), expected.detach()) <= 1e-5
    found.square().sum().backward()
    expected.square().sum().backward()
    first, last = ("layer0.conv1", "last_linear") if theirs.startswith("legacy") else ("conv1", "fc")
    for mine, other in (("backbone.conv1.conv", first), ("head.fc", last)):
        gradients = [
            network.get_submodule(name).get_parameter("weight").grad
            for network, name in ((model, mine), (reference, other))
        ]
        assert gradients[0] is not None
        assert gradients[1] is not None
        assert distance(gradients[0], gradients[1]) <= 1e-5


@pytest.mark.parametrize(("ours", "theirs"), cases())
def test_timm_loads_it(ours: str, theirs: str, tmp_path: Path, randomise: Randomise, distance: Distance) -> None:
    model, reference = pair(ours, theirs, tmp_path / "model.safetensors", randomise)
    assert save_as(tmp_path / "again.safetensors", model, "timm") == theirs
    expected, found = reference.state_dict(), load_file(tmp_path / "again.safetensors")
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


def test_the_file_says_how_the_older_networks_are_built(tmp_path: Path, randomise: Randomise) -> None:
    for ours, theirs, told in (
        ("se_resnet50", "legacy_seresnet50", {"stride_on": "1x1", "pool_padding": "end"}),
        ("se_resnext50_32x4d", "legacy_seresnext50_32x4d", {"pool_padding": "end"}),
        ("se_resnet50", "seresnet50", {}),
    ):
        path = tmp_path / f"{theirs}.safetensors"
        pair(ours, theirs, path, randomise)
        found = card_for(ours, str(path))
        assert found is not None
        assert dict(found.build) == told


@pytest.mark.parametrize("theirs", ["seresnet50", "legacy_seresnet50"])
def test_another_family_is_told_apart(theirs: str, tmp_path: Path) -> None:
    save_file(timm.create_model(theirs).state_dict(), tmp_path / "model.safetensors")
    with pytest.raises(InputError, match=r"holds a network of senet, named as timm does; resnet50 is one of resnet\."):
        create_model("resnet50", weights=str(tmp_path / "model.safetensors"))

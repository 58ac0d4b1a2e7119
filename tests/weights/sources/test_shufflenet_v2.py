"""Random weights through files of torchvision and back: the same logits, statistics and gradients to 1e-5, relative."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torchvision
from torch import Tensor, nn

from plusx.core.task import Task
from plusx.weights.create import create_model
from plusx.weights.export_keys import save_as
from plusx.weights.sources.recognise import LAYOUTS, recognise
from plusx.weights.sources.shufflenet_v2 import COUNTERPARTS, LAYOUT, names

Randomise = Callable[[nn.Module], nn.Module]
Distance = Callable[[Tensor, Tensor], float]

SCALES = ("x0_5", *(pytest.param(scale, marks=pytest.mark.slow) for scale in ("x1_0", "x1_5", "x2_0")))
ODD = (225, 193)


def pair(name: str, folder: Path, randomise: Randomise) -> tuple[Task, nn.Module]:
    """The same weights here and in torchvision, in evaluation mode."""
    reference = randomise(torchvision.models.get_model(name, weights=None))
    path = folder / "weights.pth"
    torch.save(reference.state_dict(), path)
    return create_model(name, weights=str(path)).eval(), reference


@pytest.mark.parametrize("scale", SCALES)
def test_logits_agree(scale: str, tmp_path: Path, images: Tensor, randomise: Randomise, distance: Distance) -> None:
    ours, reference = pair(f"shufflenet_v2_{scale}", tmp_path, randomise)
    with torch.inference_mode():
        for batch in (images, torch.randn(1, 3, *ODD)):
            assert distance(ours(batch), reference(batch)) <= 1e-5
            channels_last = batch.to(memory_format=torch.channels_last)
            assert distance(ours(channels_last), reference(batch)) <= 1e-5


@pytest.mark.parametrize("scale", SCALES)
def test_training_agrees(scale: str, tmp_path: Path, images: Tensor, randomise: Randomise, distance: Distance) -> None:
    """In float64: statistics of a few points enlarge the noise of float32 beyond 1e-5."""
    ours, reference = pair(f"shufflenet_v2_{scale}", tmp_path, randomise)
    ours.double().train()
    reference.double().train()
    found, expected = ours(images.double()), reference(images.double())
    assert distance(found.detach(), expected.detach()) <= 1e-5
    seen = torch.randn(found.shape, dtype=torch.float64)
    (found * seen).sum().backward()
    (expected * seen).sum().backward()
    theirs = dict(reference.named_parameters())
    for name, parameter in ours.named_parameters():
        other = theirs[names(name)[0]].grad
        assert parameter.grad is not None
        assert other is not None
        assert distance(parameter.grad, other) <= 1e-5, name
    state = reference.state_dict()
    for name, value in ours.state_dict().items():
        if "running" in name:
            assert distance(value, state[names(name)[0]]) <= 1e-5, name


@pytest.mark.parametrize("scale", SCALES)
def test_torchvision_loads_what_is_written(scale: str, tmp_path: Path, images: Tensor, randomise: Randomise) -> None:
    ours = create_model(f"shufflenet_v2_{scale}")
    randomise(ours)
    path = tmp_path / "theirs.pth"
    assert save_as(path, ours, "torchvision") == f"shufflenet_v2_{scale}"
    reference = torchvision.models.get_model(f"shufflenet_v2_{scale}", weights=None).eval()
    reference.load_state_dict(torch.load(path, weights_only=True))
    with torch.inference_mode():
        torch.testing.assert_close(ours(images), reference(images), rtol=1e-5, atol=1e-5)


def test_every_name_is_torchvisions() -> None:
    theirs = [name for ours in create_model("shufflenet_v2_x1_0").state_dict() for name in names(ours)]
    assert sorted(theirs) == sorted(torchvision.models.shufflenet_v2_x1_0(weights=None).state_dict())
    assert names("backbone.stage2.pool.weight") == ()


def test_no_other_layout_claims_its_files() -> None:
    for name in COUNTERPARTS:
        tensors = torchvision.models.get_model(name, weights=None).state_dict()
        assert [layout for layout in LAYOUTS if layout.recognise(tensors)] == [LAYOUT]
        assert recognise(tensors) is LAYOUT
    assert not LAYOUT.recognise(torchvision.models.resnet18(weights=None).state_dict())

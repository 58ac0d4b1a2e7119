"""Random weights through files of torchvision: the same logits to 1e-5, relative, the same training step, and back."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torchvision
from torch import Tensor, nn

from plusx.core.task import Task
from plusx.weights.create import create_model
from plusx.weights.export_keys import save_as
from plusx.weights.sources.mobilenet.torchvision import V2, V3

Randomise = Callable[[nn.Module], nn.Module]
Distance = Callable[[Tensor, Tensor], float]
Gaps = Callable[[Task, nn.Module], dict[str, float]]

NAMES = ("mobilenet_v2", "mobilenet_v3_small", pytest.param("mobilenet_v3_large", marks=pytest.mark.slow))
WIDTHS = [
    pytest.param(name, width, marks=[pytest.mark.slow] * (width != 0.35))
    for name, width in (
        ("mobilenet_v2_035", 0.35),
        ("mobilenet_v2_050", 0.5),
        ("mobilenet_v2_075", 0.75),
        ("mobilenet_v2_130", 1.3),
        ("mobilenet_v2_140", 1.4),
    )
]


def saved(reference: nn.Module, folder: Path) -> str:
    torch.save(reference.state_dict(), folder / "weights.pth")
    return str(folder / "weights.pth")


@pytest.mark.parametrize("size", [(64, 64), (225, 193)], ids=["even", "odd"])
@pytest.mark.parametrize("name", NAMES)
def test_logits_agree(
    name: str, size: tuple[int, int], tmp_path: Path, randomise: Randomise, distance: Distance
) -> None:
    reference = randomise(torchvision.models.get_model(name, weights=None))
    images = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(0))
    model = create_model(name, weights=saved(reference, tmp_path)).eval()
    with torch.inference_mode():
        assert distance(model(images), reference(images)) <= 1e-5


@pytest.mark.parametrize(("name", "width"), WIDTHS)
def test_widths_agree(
    name: str, width: float, tmp_path: Path, images: Tensor, randomise: Randomise, distance: Distance
) -> None:
    reference = randomise(torchvision.models.mobilenet_v2(width_mult=width))
    model = create_model(name, weights=saved(reference, tmp_path)).eval()
    with torch.inference_mode():
        assert distance(model(images), reference(images)) <= 1e-5


@pytest.mark.parametrize("name", NAMES)
def test_a_training_step_agrees(name: str, tmp_path: Path, randomise: Randomise, training_gaps: Gaps) -> None:
    reference = randomise(torchvision.models.get_model(name, weights=None))
    gaps = training_gaps(create_model(name, weights=saved(reference, tmp_path)), reference)
    assert max(gaps.values()) <= 1e-5, gaps


@pytest.mark.parametrize("name", NAMES)
def test_back_again(name: str, tmp_path: Path, images: Tensor, randomise: Randomise, distance: Distance) -> None:
    task = create_model(name, classes=5)
    randomise(task)
    assert save_as(tmp_path / "w.pth", task, "torchvision") == name
    reference = torchvision.models.get_model(name, weights=None, num_classes=5).eval()
    reference.load_state_dict(torch.load(tmp_path / "w.pth", weights_only=True), strict=True)
    with torch.inference_mode():
        assert distance(reference(images), task(images)) <= 1e-5


def test_layouts_keep_to_their_own_files() -> None:
    v2 = torchvision.models.mobilenet_v2(width_mult=0.35).state_dict()
    v3 = torchvision.models.mobilenet_v3_small(width_mult=0.35).state_dict()
    other = torchvision.models.mnasnet0_5().state_dict()
    assert [V2.recognise(file) for file in (v2, v3, other)] == [True, False, False]
    assert [V3.recognise(file) for file in (v2, v3, other)] == [False, True, False]
